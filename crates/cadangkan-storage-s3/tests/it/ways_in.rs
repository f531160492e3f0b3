#![allow(clippy::disallowed_methods, reason = "a child is told by the environment, which is what is tested")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use cadangkan_core::ErrorKind;
use cadangkan_storage::{Storage as _, WriteOptions};
use cadangkan_storage_s3::Bucket;
use cadangkan_testkit::fronts::{NameProxy, TlsFront};
use cadangkan_testkit::s3::{S3Server, TestBucket};
use serde_json::{Value, json};

use crate::support::{MovedClock, QUICK, bytes, get, open, put};

#[test]
fn a_server_behind_tls_is_trusted_by_its_authority_alone() {
    let Some(server) = S3Server::find("ceph") else { return };
    let (bucket, front) = (server.bucket(), TlsFront::to(server.port()));
    for host in ["127.0.0.1", "localhost"] {
        let endpoint = format!("https://{host}:{}", front.port);
        let storage = open(
            &bucket,
            json!({"endpoint": endpoint, "path_style": true, "ca_file": front.ca_file, "part_size_mib": 5}),
        );
        storage.check().unwrap();
        let content = bytes(11 << 20);
        put(&storage, host, &content, WriteOptions::default()).unwrap();
        assert!(get(&storage, host) == content, "other bytes are read than were written");
        let error = open(&bucket, json!({"endpoint": endpoint, "path_style": true})).check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
        assert!(error.advice().unwrap().contains("`ca_file`") && !error.is_retryable(), "{error:?}");
    }
}

/// Tries a bucket out in a process with this environment and nothing else of Amazon's; returns what became of it.
fn tried(bucket: &TestBucket, more: Value, home: &Path, environment: &[(&str, &str)]) -> String {
    let mut settings = bucket.settings();
    for key in ["access_key", "secret_key"] {
        settings.as_object_mut().unwrap().remove(key);
    }
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ways_in::child_that_tries", "--nocapture"])
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("CADANGKAN_TEST_TRY", settings.to_string())
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().find_map(|line| line.split_once("became ")).unwrap().1.to_owned()
}

#[test]
fn child_that_tries() {
    let Ok(settings) = std::env::var("CADANGKAN_TEST_TRY") else { return };
    let settings: Value = serde_json::from_str(&settings).unwrap();
    let storage = Bucket::open(&settings, Arc::new(MovedClock(0)), QUICK).unwrap();
    match storage.check() {
        Ok(()) => println!("\nbecame good"),
        Err(error) => println!("\nbecame {:?}", error.kind()),
    }
}

#[test]
fn credentials_are_found_where_the_tools_of_amazon_look() {
    // This one looks at signatures.
    let Some(server) = S3Server::find("ceph") else { return };
    let bucket = server.bucket();
    let home = std::env::temp_dir().join(format!("cadangkan-aws-{}", std::process::id()));
    fs::create_dir_all(home.join(".aws")).unwrap();
    let (id, secret) = (server.access_key(), server.secret_key());
    let none = json!({});
    assert_eq!(tried(&bucket, none.clone(), &home, &[]), "Configuration");
    let variables = [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)];
    assert_eq!(tried(&bucket, none.clone(), &home, &variables), "good");
    let wrong = [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", "wrong")];
    assert_eq!(tried(&bucket, none.clone(), &home, &wrong), "Denied");

    let profile = format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    let bad = "aws_access_key_id = x\naws_secret_access_key = y\n";
    fs::write(home.join(".aws/credentials"), format!("[default]\n{bad}[backups]\n{profile}")).unwrap();
    assert_eq!(tried(&bucket, none.clone(), &home, &[]), "Denied");
    assert_eq!(tried(&bucket, none.clone(), &home, &[("AWS_PROFILE", "backups")]), "good");
    assert_eq!(tried(&bucket, json!({"aws_profile": "backups"}), &home, &wrong), "good");
    assert_eq!(tried(&bucket, json!({"aws_profile": "unknown"}), &home, &[]), "Configuration");

    let program = home.join("keys");
    let said = json!({"Version": 1, "AccessKeyId": id, "SecretAccessKey": secret});
    fs::write(&program, format!("#!/bin/sh\ncat <<END\n{said}\nEND\n")).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
    let config = format!("[profile program]\ncredential_process = {}\n", program.display());
    fs::write(home.join(".aws/config"), config).unwrap();
    assert_eq!(tried(&bucket, json!({"aws_profile": "program"}), &home, &[]), "good");
    fs::remove_dir_all(&home).unwrap();
}

/// Nothing here resolves such names, so a proxy does, as the environment says.
#[test]
fn the_bucket_may_stand_before_the_hosts_name() {
    let Some(server) = S3Server::find("ceph") else { return };
    let (bucket, proxy) = (server.bucket(), NameProxy::start());
    let endpoint = format!("http://localhost:{}", server.port());
    let home = std::env::temp_dir();
    let variables = [
        ("AWS_ACCESS_KEY_ID", server.access_key()),
        ("AWS_SECRET_ACCESS_KEY", server.secret_key()),
        ("HTTP_PROXY", &format!("http://127.0.0.1:{}", proxy.port)),
    ];
    let before = json!({"endpoint": endpoint, "path_style": false});
    assert_eq!(tried(&bucket, before, &home, &variables), "good");
    let place = format!("{}.localhost:{}", bucket.name, server.port());
    assert_eq!(proxy.asked_for().lines().next(), Some(place.as_str()));
}
