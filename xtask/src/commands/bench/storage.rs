//! An S3 server on this machine beside a local folder, rclone and the AWS command line; and what encryption costs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::contest::{Contender, Discipline, Place, Server};
use super::report::{Bar, Subject};
use super::{Options, sqlite};
use crate::servers::{Choice, FOR_TESTS, Raised, State, services};
use crate::{process, project, workplace};

const FOLDER: &str = "cadangkan, to a folder";
const SEALED: &str = "cadangkan, to a folder, encrypted for a passphrase";
const KEYED: &str = "cadangkan, to a folder, encrypted for a public key";
const S3: &str = "cadangkan, to S3";
const THREE: &str = "cadangkan, to two folders and S3, encrypted";
const RCLONE: &str = "rclone, the finished file to S3";
const AWS: &str = "aws s3 cp, the finished file";
const DOWN: &str = "cadangkan restore, from S3";
const SEALED_DOWN: &str = "cadangkan restore, from S3, encrypted";
const RCLONE_DOWN: &str = "rclone, zstd -d";

const FINISHED: &str = "cadangkan backups sync, the finished file";
const RCLONE_BACK: &str = "rclone, the finished file to S3, read back";

const AWSCLI_VERSION: &str = "1.46.3";

/// 0.9 times the rate is 1.11 times as long.
const SUBJECT: Subject = Subject {
    title: "Storage",
    bars: &[
        Bar::Time { ours: S3, theirs: FOLDER, at_most: 1.111 },
        Bar::Time { ours: FINISHED, theirs: RCLONE_BACK, at_most: 1.0 },
        Bar::Time { ours: FINISHED, theirs: RCLONE, at_most: 1.0 },
        Bar::Time { ours: FINISHED, theirs: AWS, at_most: 1.0 },
        // A passphrase is made dear to guess: some 0.17 s whatever the size.
        Bar::Time { ours: KEYED, theirs: FOLDER, at_most: 1.05 },
        Bar::Time { ours: SEALED, theirs: FOLDER, at_most: 1.05 },
    ],
    peak_mb: 150.0,
    bound: None,
    programs: &[&["zstd", "--version"], &["rclone", "version"], &["aws", "--version"]],
};

pub(super) fn run(options: &Options, folder: &Path, work: PathBuf) -> Result<()> {
    workplace::install(workplace::FOR_WEBDAV)?;
    let data = sqlite::data(folder, options)?;
    let bytes = fs::metadata(&data)?.len();
    let servers = Raised::up(Choice::S3, FOR_TESTS, true)?;
    let state = State::read(servers.state().parent().context("the list is in a folder")?)?;
    let service = state.services.first().context("one server was started")?;
    let key = |name: &str| service.settings.get(name).cloned().unwrap_or_default();
    let server = Server::Family(services::running(service).context("the server is gone")?);
    let place = Place {
        work,
        programs: vec![project::target()?.join(super::SHIPPED), awscli()?.join("bin")],
        environment: vec![
            ("DATA", data.into_os_string()),
            ("ENDPOINT", format!("http://127.0.0.1:{}", service.port).into()),
            ("AWS_ACCESS_KEY_ID", key("access_key").into()),
            ("AWS_SECRET_ACCESS_KEY", key("secret_key").into()),
            ("AWS_DEFAULT_REGION", "us-east-1".into()),
            ("PYTHONPATH", awscli()?.into_os_string()),
        ],
        settle: "cat $DATA > /dev/null",
        verify: "cmp $DATA $OUTPUT",
        server: Some(server),
    };
    server.keep_apart()?;
    process::run(&mut place.shell("sh", &["-ec", PREPARE]))?;
    let contenders = super::taking_part(backup().into_iter().chain(restore()), options);
    super::measure(&SUBJECT, &contenders, &place, options, bytes)?;
    servers.end()
}

/// A bucket, one home for each of ours, and the file that others copy.
const PREPARE: &str = r#"
aws --endpoint-url $ENDPOINT s3 mb s3://bucket
for home in folder sealed keyed s3 three finished; do
    mkdir -p $WORK/$home
    case $home in
    folder | sealed | keyed) storage='[here]' ;;
    s3) storage='[cloud]' ;;
    finished) storage='[here, cloud]' ;;
    three) storage='[here, there, cloud]' ;;
    esac
    case $home in
    sealed | three) encryption='{ passphrase: "correct horse battery staple" }' ;;
    keyed) encryption='{ recipients: [age1sy3pfza80d3uw627fdmp57hamqznn7zs8e5tdjwswkyzzq8fyp9qkamcjg] }' ;;
    *) encryption='{ enabled: false }' ;;
    esac
    cat > $WORK/$home/config.yaml <<END
storages:
  here: { local: { path: here } }
  there: { local: { path: there } }
  cloud: { s3: { bucket: bucket, prefix: $home, endpoint: "$ENDPOINT" } }
defaults: { storage: $storage, encryption: $encryption, check: false }
databases: { bench: { sqlite: { path: "$DATA" } } }
END
done
zstd -q -3 -T0 $DATA -o $WORK/finished.zst
touch $WORK/nothing
cat > $WORK/rclone.conf <<END
[cloud]
type = s3
provider = Ceph
env_auth = true
endpoint = $ENDPOINT
END
"#;

/// The server keeps all in memory, and what is deleted for some time, so that the data must not be large.
const EMPTY_BUCKET: &str =
    "rm -rf $WORK/s3/catalog.db*; aws --endpoint-url $ENDPOINT s3 rm --recursive --quiet s3://bucket/s3";

fn backup() -> Vec<Contender> {
    let contender = |name, prepare, script, output| Contender {
        discipline: Discipline::Backup,
        name,
        prepare,
        script,
        output,
    };
    vec![
        contender(
            FOLDER,
            "rm -rf $OUTPUT $WORK/folder/catalog.db*",
            "CADANGKAN_HOME=$WORK/folder cadangkan backup bench --quiet",
            "folder/here",
        ),
        contender(
            SEALED,
            "rm -rf $OUTPUT $WORK/sealed/catalog.db*",
            "CADANGKAN_HOME=$WORK/sealed cadangkan backup bench --quiet",
            "sealed/here",
        ),
        contender(
            KEYED,
            "rm -rf $OUTPUT $WORK/keyed/catalog.db*",
            "CADANGKAN_HOME=$WORK/keyed cadangkan backup bench --quiet",
            "keyed/here",
        ),
        contender(S3, EMPTY_BUCKET, "CADANGKAN_HOME=$WORK/s3 cadangkan backup bench --quiet", "nothing"),
        contender(
            THREE,
            "rm -rf $WORK/three/here $WORK/three/there $WORK/three/catalog.db*; aws --endpoint-url $ENDPOINT s3 rm --recursive --quiet s3://bucket/three",
            "CADANGKAN_HOME=$WORK/three cadangkan backup bench --quiet",
            "three/here",
        ),
        contender(
            FINISHED,
            "test -d $OUTPUT || CADANGKAN_HOME=$WORK/finished cadangkan backup bench --storage here --quiet
            aws --endpoint-url $ENDPOINT s3 rm --recursive --quiet s3://bucket/finished",
            "CADANGKAN_HOME=$WORK/finished cadangkan backups sync bench --quiet",
            "finished/here",
        ),
        contender(
            RCLONE_BACK,
            "true",
            "env -u AWS_CA_BUNDLE rclone --config $WORK/rclone.conf copyto $WORK/finished.zst cloud:bucket/rclone/finished.zst \
             --s3-upload-concurrency 4 --s3-chunk-size 8M --ignore-times --quiet
             test $(env -u AWS_CA_BUNDLE rclone --config $WORK/rclone.conf cat cloud:bucket/rclone/finished.zst | sha256sum | cut -c1-64) \
             = $(sha256sum < $WORK/finished.zst | cut -c1-64)",
            "finished.zst",
        ),
        contender(
            RCLONE,
            "true",
            "env -u AWS_CA_BUNDLE rclone --config $WORK/rclone.conf copyto $WORK/finished.zst cloud:bucket/rclone/finished.zst \
             --s3-upload-concurrency 4 --s3-chunk-size 8M --ignore-times --quiet",
            "finished.zst",
        ),
        contender(
            AWS,
            "aws configure set default.s3.max_concurrent_requests 4",
            "aws --endpoint-url $ENDPOINT s3 cp $WORK/finished.zst s3://bucket/aws/finished.zst --quiet",
            "finished.zst",
        ),
    ]
}

fn restore() -> Vec<Contender> {
    let contender = |name, script, output| Contender {
        discipline: Discipline::Restore,
        name,
        prepare: "rm -rf $WORK/restored*",
        script,
        output,
    };
    vec![
        contender(
            RCLONE_DOWN,
            "env -u AWS_CA_BUNDLE rclone --config $WORK/rclone.conf copyto cloud:bucket/rclone/finished.zst $WORK/restored.zst --quiet
            zstd -q -d $WORK/restored.zst -o $WORK/restored && sync $WORK/restored",
            "restored",
        ),
        contender(
            DOWN,
            "CADANGKAN_HOME=$WORK/s3 cadangkan restore bench --to $WORK/restored.db --no-check --yes --quiet",
            "restored.db",
        ),
        contender(
            SEALED_DOWN,
            "CADANGKAN_HOME=$WORK/three cadangkan restore bench --storage cloud --to $WORK/restored.db --no-check --yes --quiet",
            "restored.db",
        ),
    ]
}

/// The AWS command line, installed once in the cache folder.
fn awscli() -> Result<PathBuf> {
    let tools = project::cache()?.join("tools").join(format!("awscli-{AWSCLI_VERSION}"));
    if !tools.join("bin/aws").is_file() {
        workplace::install(workplace::FOR_TPCH)?;
        let mut install = Command::new("python3");
        install.args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"]).arg(&tools);
        process::run_quietly(install.arg(format!("awscli=={AWSCLI_VERSION}")))?;
    }
    Ok(tools)
}
