use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const OPEN: Permission = Permission { privacy: Privacy::None, clear_plugin: true };
const ENCRYPTED: Permission = Permission { privacy: Privacy::Tls, clear_plugin: true };
const CHALLENGE: &[u8] = b"abcdefghijklmnopqrst";

fn answer(plugin: Plugin, password: &str) -> String {
    hex(&plugin.answer(password, CHALLENGE, OPEN).unwrap())
}

#[test]
fn scrambles_are_those_of_the_public_algorithms() {
    // Computed with Python's hashlib from the formulas.
    assert_eq!(answer(Plugin::Native, "hunter2"), "fb30830c3ec1c2161c75ef8c45977d684a38d8d4");
    assert_eq!(
        answer(Plugin::CachingSha2, "hunter2"),
        "38c32b38723affcda57b368b565bac628d5a852428b402c25c4ae036a4fd904f"
    );
    assert_eq!(answer(Plugin::Native, ""), "");
    assert_eq!(answer(Plugin::CachingSha2, ""), "");
}

#[test]
fn a_password_of_32_bytes_signs_as_any_ed25519_key() {
    use ring::signature::Ed25519KeyPair;
    let seed = b"0123456789abcdef0123456789abcdef";
    let key = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
    assert_eq!(ed25519::sign(seed, CHALLENGE).as_slice(), key.sign(CHALLENGE).as_ref());
    // By RFC 8032's formulas in Python, with a secret of seven bytes.
    let signature = format!(
        "{}{}",
        "8a10e1b67f04a90c20c30c0a954a70d8c3044ae48a7187b3fc2d9f481bed8bb6",
        "738c650d81599cc76b6859841f5fbca2c5a6306ee9e14b5f15bab87c3a2c7a09"
    );
    assert_eq!(hex(&ed25519::sign(b"hunter2", CHALLENGE)), signature);
}

#[test]
fn parsec_signs_both_challenges() {
    let parsec = Parsec::new(&[7; 32]).unwrap();
    let answer = parsec.answer_with("hunter2", b"P\x00salt", &[9; 32]).unwrap();
    // PBKDF2 and Ed25519 by Python's hashlib and RFC 8032's formulas.
    let signature = format!(
        "{}{}",
        "86d1b97165542ccafc674d2ae231ee31eff6678e6bb1c413d3d55b25145fedf5",
        "2cc2b5c375a5feea879498a432a22566160a8c8acc5746c14b5cda886c3ae307"
    );
    assert_eq!(hex(&answer), format!("{}{signature}", "09".repeat(32)));
    for salt in [b"".as_slice(), b"P", b"Q\x00salt", b"P\x0bsalt"] {
        assert!(parsec.answer("x", salt).is_err());
    }
    assert!(Parsec::new(&[7; 31]).is_err());
}

#[test]
fn nothing_is_told_in_the_clear_where_somebody_may_listen() {
    let socket = Permission { privacy: Privacy::Socket, clear_plugin: true };
    let unasked = Permission { privacy: Privacy::Tls, clear_plugin: false };
    for (plugin, may) in [
        (Plugin::Clear, OPEN),
        (Plugin::Clear, socket),
        (Plugin::Clear, unasked),
        (Plugin::Sha256, OPEN),
        (Plugin::Sha256, socket),
    ] {
        let error = plugin.answer("hunter2", CHALLENGE, may).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(!format!("{error:?}{:?}", error.advice()).contains("hunter2"));
    }
    assert!(Plugin::full_answer("hunter2", OPEN).is_err());
    assert_eq!(Plugin::full_answer("x", socket).unwrap(), b"x\0");
    assert_eq!(Plugin::Clear.answer("x", CHALLENGE, ENCRYPTED).unwrap(), b"x\0");
}

#[test]
fn names_are_the_servers() {
    for (plugin, name) in Plugin::ALL {
        assert_eq!((Plugin::named(name), plugin.name()), (Some(plugin), name));
    }
    assert!(Plugin::named("dialog").is_none());
    assert!(unknown("a\nb").to_string().contains("ab"));
}
