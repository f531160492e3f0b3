//! The tools that every machine has open our files, and we open theirs.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cadangkan_archive::{
    CipherKind, Codec, CodecKind, Envelope, FileRole, Identities, Kdf, PrivateKey, Recipient, Recipients,
    SealedFile, rebuild_index,
};
use cadangkan_core::{ErrorKind, ObjectName, Section};

use crate::support::{Built, Numbers, build, codec, read_sequentially, sample_frames};

/// Runs a tool with bytes on its standard input. A missing tool is skipped with a message, but never in CI.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Option<Output> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !in_ci() => {
            eprintln!("skipped: {program} is not installed");
            return None;
        }
        Err(error) => panic!("{program}: {error}"),
    };
    let mut stdin = child.stdin.take().unwrap();
    Some(std::thread::scope(|scope| {
        // A tool that refuses its input closes it early.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    }))
}

#[allow(clippy::disallowed_methods, reason = "a test may look at its environment")]
fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// Gives what a tool wrote, after making sure that it was content.
fn output(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let output = run(program, arguments, input)?;
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

const PYTHON_ZLIB: &str = "import sys, zlib
d = zlib.decompressobj()
sys.stdout.buffer.write(d.decompress(sys.stdin.buffer.read()))
assert d.eof and not d.unused_data";

fn decompress(kind: CodecKind, archive: &[u8]) -> Option<Vec<u8>> {
    match kind {
        CodecKind::Zlib => output("python3", &["-c", PYTHON_ZLIB], archive),
        _ => output(kind.as_str(), &["-dc"], archive),
    }
}

#[test]
fn stock_tools_give_the_same_bytes() {
    for kind in [CodecKind::Zstd, CodecKind::Gzip, CodecKind::Xz, CodecKind::Zlib] {
        for frames in [sample_frames(), vec![Numbers(1).rows(400_000), Numbers(2).noise(200_000)], Vec::new()]
        {
            for level in [*kind.levels().start(), kind.default_level()] {
                let built = build(Codec::new(kind, Some(level)).unwrap(), &frames);
                let Some(raw) = decompress(kind, &built.archive) else { continue };
                assert!(raw == built.raw, "{kind} -{level}");
            }
        }
    }
}

#[test]
fn stock_tools_find_nothing_wrong_with_a_file() {
    for kind in [CodecKind::Zstd, CodecKind::Gzip, CodecKind::Xz] {
        for frames in [sample_frames(), Vec::new()] {
            let built = build(codec(kind), &frames);
            let mut file =
                tempfile::Builder::new().suffix(&format!(".{}", kind.extension())).tempfile().unwrap();
            file.write_all(&built.archive).unwrap();
            output(kind.as_str(), &["-t", file.path().to_str().unwrap()], b"");
        }
    }
}

#[test]
fn stock_tools_say_how_long_the_content_is() {
    let built = build(codec(CodecKind::Xz), &sample_frames());
    let mut file = tempfile::Builder::new().suffix(".xz").tempfile().unwrap();
    file.write_all(&built.archive).unwrap();
    if let Some(list) = output("xz", &["--robot", "-l", file.path().to_str().unwrap()], b"") {
        let list = String::from_utf8(list).unwrap();
        let totals: Vec<&str> =
            list.lines().find(|line| line.starts_with("totals")).unwrap().split('\t').collect();
        assert_eq!((totals[1], totals[4]), ("5", built.raw.len().to_string().as_str()));
        assert_eq!(totals[6], "CRC64");
    }
}

#[test]
fn the_index_opens_with_zstd() {
    let built = build(codec(CodecKind::Gzip), &sample_frames());
    if let Some(lines) = output("zstd", &["-dc"], &built.summary.index) {
        assert!(lines.starts_with(b"{\"format\":\"cadangkan-index\""));
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 1 + 1 + 5 + 1);
    }
}

#[test]
fn the_seal_is_computed_by_stock_tools() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/v1/image.sqlite.zst.meta.json");
    let bytes = std::fs::read(golden).unwrap();
    if let Some(sum) = output("sh", &["-c", "head -n -2 | sha256sum"], &bytes) {
        let sum = String::from_utf8(sum).unwrap();
        let seal = format!("\"seal\": \"sha256:{}\"", sum.split(' ').next().unwrap());
        assert!(String::from_utf8(bytes).unwrap().contains(&seal));
    }
}

#[test]
fn files_of_stock_tools_are_read() {
    let raw = [Numbers(3).rows(500_000), vec![0; 3 << 20]].concat();
    let python = "import sys, zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read(), 9))";
    let cases: &[(CodecKind, &str, &[&str])] = &[
        (CodecKind::Zstd, "zstd", &["-c", "-1"]),
        (CodecKind::Zstd, "zstd", &["-c", "-T2", "-19", "--long=27"]),
        (CodecKind::Zstd, "zstd", &["-c", "--no-check", "--no-content-size"]),
        (CodecKind::Gzip, "gzip", &["-c", "-9"]),
        (CodecKind::Xz, "xz", &["-c", "-1"]),
        (CodecKind::Xz, "xz", &["-c", "-T2", "-1", "--block-size=1MiB", "--check=sha256"]),
        (CodecKind::Xz, "xz", &["-c", "-0", "--check=none"]),
        (CodecKind::Zlib, "python3", &["-c", python]),
    ];
    for (kind, program, arguments) in cases {
        let Some(archive) = output(program, arguments, &raw) else { continue };
        assert_eq!(CodecKind::detect(&archive), *kind);
        assert!(read_sequentially(*kind, &archive).unwrap() == raw, "{program} {arguments:?}");
        if !matches!(kind, CodecKind::Zlib) {
            let Built { archive: ours, raw: our_raw, .. } = build(codec(*kind), &sample_frames());
            let joined = read_sequentially(*kind, &[&archive[..], &ours].concat()).unwrap();
            assert!(joined == [&raw[..], &our_raw].concat());
        }
    }
}

#[test]
fn a_foreign_file_gets_an_index_when_its_frames_are_short() {
    let raw = Numbers(4).rows(100_000);
    for (kind, program) in [(CodecKind::Zstd, "zstd"), (CodecKind::Gzip, "gzip"), (CodecKind::Xz, "xz")] {
        let Some(archive) = output(program, &["-c"], &raw) else { continue };
        let scan = rebuild_index(kind, &archive[..], ObjectName::new("x"), Section::Data);
        if kind == CodecKind::Zstd {
            // Fed from a pipe, the tool does not know the content's length, which a frame must say.
            assert_eq!(scan.unwrap_err().kind(), ErrorKind::Unsupported);
            continue;
        }
        let index = scan.unwrap();
        assert_eq!((index.frames(), index.raw_bytes()), (1, raw.len() as u64));
        assert!(crate::support::read_by_index(&index, &archive).unwrap() == raw);
    }
}

/// The script of the documentation opens what every kind of secret opens.
#[test]
fn the_script_of_the_documentation_decrypts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (script, folder) = (root.join("docs/decrypt.py"), root.join("golden/v1/encrypted"));
    let at = |name: &str| folder.join(name).display().to_string();
    let archive = at("statements.sql.zst.enc");
    let manifest = format!("{archive}.meta.json");
    let expected = std::fs::read_to_string(root.join("golden/v1/statements.sql.checksum")).unwrap();
    for (flag, secret) in [
        ("--passphrase-file", "passphrase-argon2id.txt"),
        ("--passphrase-file", "passphrase-pbkdf2.txt"),
        ("--key-file", "private-key.txt"),
        ("--key-file", "key-file.txt"),
    ] {
        for more in [&[][..], &["--manifest", &manifest]] {
            let (script, secret) = (script.display().to_string(), at(secret));
            let arguments = [&[&script, &archive, flag, &secret][..], more].concat();
            let Some(plain) = output("python3", &arguments, b"") else { return };
            let Some(raw) = output("zstd", &["-dc"], &plain) else { return };
            assert_eq!(cadangkan_archive::Checksum::of(&raw).to_string(), expected.trim_end(), "{secret}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = std::fs::read(&archive).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let damaged = folder.path().join("damaged.enc").display().to_string();
    std::fs::write(&damaged, bytes).unwrap();
    let (script, secret) = (script.display().to_string(), at("key-file.txt"));
    let Some(refused) = run("python3", &[&script, &damaged, "--key-file", &secret], b"") else { return };
    assert!(!refused.status.success() && refused.stdout.is_empty());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("damaged"));
}

fn open_with(identities: &Identities, bytes: &[u8]) -> Vec<u8> {
    let unlock = |wraps: &[_]| identities.unwrap(wraps);
    let file = SealedFile::open(bytes, bytes.len() as u64, FileRole::Archive, unlock).unwrap();
    file.open_bytes(bytes).unwrap()
}

/// The tool opens our files, and we open the tool's.
#[test]
fn age_and_we_open_each_others_files() {
    let private = PrivateKey::generate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.txt").display().to_string();
    std::fs::write(&key, private.to_text().unwrap().as_bytes()).unwrap();
    let mut identities = Identities::default();
    identities.add_file(&private.to_text().unwrap()).unwrap();
    let other = PrivateKey::generate().unwrap();
    let recipients = [Recipient::PublicKey(other.public()), Recipient::PublicKey(private.public())];
    let envelope = Envelope::new(CipherKind::Age, &Recipients::new(&recipients).unwrap()).unwrap();
    for length in [0, 1, 65_535, 65_536, 65_537, 200_000] {
        let plain: Vec<u8> = (0..length).map(|number| (number / 3 % 251) as u8).collect();
        let ours = envelope.seal(FileRole::Archive, &plain).unwrap();
        let Some(opened) = output("age", &["-d", "-i", &key], &ours) else { return };
        assert!(opened == plain, "age read {length} bytes of ours as others");
        let public = private.public().to_string();
        let Some(theirs) = output("age", &["-r", &public], &plain) else { return };
        assert!(open_with(&identities, &theirs) == plain, "we read {length} bytes of age as others");
    }
}

/// OpenSSL opens our files, of every length, and the other way round what it makes has the same bytes.
#[test]
fn openssl_opens_our_files() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("passphrase.txt");
    std::fs::write(&secret, "größe und 客户\n").unwrap();
    let pass = format!("file:{}", secret.display());
    let kdf = Kdf::Pbkdf2Sha256 { iterations: 20_000 };
    let passphrase = Recipient::Passphrase("größe und 客户".to_owned().into(), kdf);
    let envelope = Envelope::new(CipherKind::OpenSsl, &Recipients::new(&[passphrase]).unwrap()).unwrap();
    assert_eq!(envelope.iterations(), Some(20_000));
    let enc = ["enc", "-aes-256-cbc", "-pbkdf2", "-iter", "20000", "-pass", &pass];
    for length in [0, 1, 15, 16, 65_535, 65_536, 65_537, 200_000] {
        let plain: Vec<u8> = (0..length).map(|number| (number / 3 % 251) as u8).collect();
        let ours = envelope.seal(FileRole::Archive, &plain).unwrap();
        let Some(opened) = output("openssl", &[&enc[..], &["-d"]].concat(), &ours) else { return };
        assert!(opened == plain, "openssl read {length} bytes of ours as others");
        let salt: String = ours[8..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let Some(theirs) = output("openssl", &[&enc[..], &["-S", &salt]].concat(), &plain) else { return };
        // With a salt that it is given, OpenSSL 3 leaves out what would say it.
        assert!(ours.ends_with(&theirs), "{length}");
    }
}

/// The script opens what is in OpenSSL's form after it has compared it with what the manifest has sealed.
#[test]
fn the_script_of_the_documentation_compares_and_opens_files_of_openssl() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (script, folder) = (root.join("docs/decrypt.py"), root.join("golden/v1/openssl"));
    let script = script.display().to_string();
    let at = |name: &str| folder.join(name).display().to_string();
    let (archive, secret) = (at("statements.sql.zst.enc"), at("passphrase.txt"));
    let manifest = format!("{archive}.meta.json");
    let arguments = |file: &str| {
        let words = [&script, file, "--passphrase-file", &secret, "--manifest", &manifest];
        words.map(str::to_owned)
    };
    let run_script = |file: &str| run("python3", &arguments(file).each_ref().map(String::as_str), b"");
    let Some(Output { stdout: plain, .. }) = run_script(&archive) else { return };
    let Some(raw) = output("zstd", &["-dc"], &plain) else { return };
    let expected = std::fs::read_to_string(root.join("golden/v1/statements.sql.checksum")).unwrap();
    assert_eq!(cadangkan_archive::Checksum::of(&raw).to_string(), expected.trim_end());
    let index = at("statements.sql.zst.enc.index");
    let index = run_script(&index).unwrap().stdout;
    assert!(index.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));

    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("statements.sql.zst.enc").display().to_string();
    let mut bytes = std::fs::read(&archive).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&changed, bytes).unwrap();
    let refused = run_script(&changed).unwrap();
    assert!(!refused.status.success() && refused.stdout.is_empty());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("damaged"));
    let refused = run("python3", &[&script, &archive, "--passphrase-file", &secret], b"").unwrap();
    assert!(!refused.status.success() && refused.stdout.is_empty());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--manifest"));
}

/// age asks for passphrases on a terminal only; this file was made by age 1.1.1.
#[test]
fn a_file_of_age_with_a_passphrase_opens() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/v1/age/made-by-age-with-passphrase.age");
    let mut identities = Identities::default();
    identities.add_passphrase("correct horse battery staple".to_owned().into());
    assert_eq!(open_with(&identities, &std::fs::read(path).unwrap()), b"rows of age\n");
}
