use super::*;

fn account(user: &str, host: &str) -> Account {
    Account { user: user.to_owned(), host: Some(host.to_owned()) }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn accounts_are_read_and_written_whatever_they_are_called() {
    let cases = [
        ("`a'b``c d\\e`@`10.0.0.0/255.255.255.0`", "a'b`c d\\e", "10.0.0.0/255.255.255.0"),
        ("``@`h%`", "", "h%"),
        ("'it''s'@'%'", "it's", "%"),
        ("`TO`@`ON`", "TO", "ON"),
        ("root@localhost", "root", "localhost"),
    ];
    for (sql, user, host) in cases {
        let read = Account::read(&mut Tokens::new(sql.as_bytes())).unwrap();
        assert_eq!(read, account(user, host), "{sql}");
        let again = read.quoted();
        assert_eq!(Account::read(&mut Tokens::new(again.as_bytes())), Some(read), "{again}");
    }
    let role = Account::read(&mut Tokens::new(b"`r`")).unwrap();
    assert_eq!((role.quoted().as_str(), role.to_string().as_str()), ("`r`", "r"));
}

#[test]
fn statements_are_known() {
    let whom = "`TO a`@`%`";
    let place = |sql: &str| match AccountStatement::read(sql.as_bytes()) {
        Some(AccountStatement { does: Does::Grants(on), account: found, .. }) => {
            assert_eq!(found, account("TO a", "%"), "{sql}");
            match on {
                On::Server => "*".to_owned(),
                On::Databases(name) => format!("{}.*", name.name()),
                On::Object(name) => format!("{}.x", name.name()),
                On::Proxy => "proxy".to_owned(),
                On::Roles(roles) => roles.iter().map(|role| format!("{role};")).collect(),
            }
        }
        other => panic!("{sql}: {other:?}"),
    };
    for (sql, expected) in [
        ("GRANT SELECT (`on`, `a`), CREATE ROUTINE ON `d``b`.`t` TO", "d`b.x"),
        ("GRANT USAGE ON *.* TO", "*"),
        ("GRANT ALL PRIVILEGES ON `a\\_%`.* TO", "a\\_%.*"),
        ("GRANT EXECUTE ON FUNCTION `d`.`f` TO", "d.x"),
        ("GRANT EXECUTE ON PACKAGE BODY `d`.`f` TO", "d.x"),
        ("GRANT SELECT ON `table`.`t` TO", "table.x"),
        ("GRANT PROXY ON `TO`@`%` TO", "proxy"),
        ("GRANT `r`@`%`,`TO`@`%` TO", "r@%;TO@%;"),
        ("GRANT `ON` TO", "ON;"),
        ("REVOKE INSERT ON `d`.* FROM", "d.*"),
    ] {
        assert_eq!(place(&format!("{sql} {whom} WITH GRANT OPTION")), expected, "{sql}");
    }
    for sql in [
        "GRANT",
        "GRANT SELECT ON a TO b",
        "SELECT 1",
        "CREATE TABLE t (a int)",
        "",
        "SET ROLE a",
        "REVOKE ) ON",
    ] {
        assert_eq!(AccountStatement::read(sql.as_bytes()), None, "{sql}");
    }
    fn does(sql: &str) -> Does<'_> {
        AccountStatement::read(sql.as_bytes()).unwrap().does
    }
    assert_eq!(does("CREATE ROLE IF NOT EXISTS `r` WITH ADMIN `a`@`b`"), Does::MakesRole);
    assert_eq!(does("CREATE USER IF NOT EXISTS a@b"), Does::MakesUser);
    assert_eq!(does("ALTER USER a PASSWORD EXPIRE"), Does::Alters);
    let role = Account { user: "r".to_owned(), host: None };
    assert_eq!(does("SET DEFAULT ROLE `r` FOR `a`@`b`"), Does::SetsDefaultRole(vec![role]));
}

#[test]
fn who_is_there_is_left_alone() {
    let made = |sql: &str| {
        let (made, roles) = cautious(sql.as_bytes()).unwrap();
        (text(&made).to_owned(), roles.map(|roles| text(&roles).to_owned()))
    };
    assert_eq!(
        made(
            "CREATE USER `a`@`%` IDENTIFIED WITH 'x' AS 0x01 DEFAULT ROLE `r`@`%`,`s`@`%` REQUIRE NONE ACCOUNT LOCK"
        ),
        (
            "CREATE USER IF NOT EXISTS `a`@`%` IDENTIFIED WITH 'x' AS 0x01 REQUIRE NONE ACCOUNT LOCK"
                .to_owned(),
            Some("`r`@`%`,`s`@`%`".to_owned())
        )
    );
    assert_eq!(
        made("CREATE USER `a`@`%` PASSWORD EXPIRE DEFAULT"),
        ("CREATE USER IF NOT EXISTS `a`@`%` PASSWORD EXPIRE DEFAULT".to_owned(), None)
    );
    assert_eq!(cautious(b"ALTER USER a"), None);
}

#[test]
fn grants_lose_what_is_of_the_account() {
    let plain = |sql: &str| text(&plain_grant(sql.as_bytes()).unwrap()).to_owned();
    assert_eq!(
        plain(
            "GRANT SELECT ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*GRANT OPTION' REQUIRE SSL WITH GRANT OPTION MAX_QUERIES_PER_HOUR 5"
        ),
        "GRANT SELECT ON *.* TO `a`@`%` WITH GRANT OPTION"
    );
    assert_eq!(plain("GRANT `r` TO `a`@`%` WITH ADMIN OPTION"), "GRANT `r` TO `a`@`%` WITH ADMIN OPTION");
    assert_eq!(plain("GRANT USAGE ON *.* TO `a`@`%` REQUIRE SSL"), "GRANT USAGE ON *.* TO `a`@`%`");
}

#[test]
fn grants_move_to_another_database() {
    let to = |sql: &str| moved(sql.as_bytes(), "app_main", "new_one").unwrap();
    let same = |sql: &str| Moved::To(sql.as_bytes().to_vec());
    assert_eq!(
        to("GRANT SELECT ON `app\\_main`.* TO `a`@`b`"),
        same("GRANT SELECT ON `new\\_one`.* TO `a`@`b`")
    );
    assert_eq!(to("GRANT SELECT ON `app_main`.* TO a"), same("GRANT SELECT ON `new\\_one`.* TO a"));
    assert_eq!(to("GRANT ALL ON `app\\_%`.* TO a"), same("GRANT ALL ON `new\\_one`.* TO a"));
    assert_eq!(
        to("GRANT SELECT (`app_main`) ON `app_main`.`app_main` TO `app_main`@`%`"),
        same("GRANT SELECT (`app_main`) ON `new_one`.`app_main` TO `app_main`@`%`")
    );
    assert_eq!(
        to("GRANT EXECUTE ON PROCEDURE `app_main`.`p` TO a"),
        same("GRANT EXECUTE ON PROCEDURE `new_one`.`p` TO a")
    );
    assert_eq!(to("REVOKE INSERT ON `app_main`.* FROM a"), same("REVOKE INSERT ON `new\\_one`.* FROM a"));
    for other in [
        "GRANT SELECT ON `appXmain2`.* TO a",
        "GRANT SELECT ON `app\\_main`.`t` TO a",
        "GRANT ALL ON `b%`.* TO a",
    ] {
        assert_eq!(to(other), Moved::Elsewhere, "{other}");
    }
    for none in ["GRANT USAGE ON *.* TO a", "GRANT `app_main` TO a", "GRANT PROXY ON `app_main`@`%` TO a"] {
        assert_eq!(to(none), Moved::Same, "{none}");
    }
}

#[test]
fn patterns_match_as_the_server_does() {
    for (pattern, name, expected) in [
        ("app\\_%", "app_x", true),
        ("app\\_%", "appXx", false),
        ("app_", "appX", true),
        ("%", "", true),
        ("", "", true),
        ("a\\\\b", "a\\b", true),
    ] {
        assert_eq!(like(pattern, name), expected, "{pattern} {name}");
    }
    assert!(like(&as_pattern("a_b%c\\d"), "a_b%c\\d") && !like(&as_pattern("a_b"), "aXb"));
}
