//! Users, roles and what they may do, beside a backup and back.

use cadangkan_core::{ErrorKind, Pattern, Selection};
use cadangkan_engine::{
    DumpOptions, DumpRequest, LoadMode, LoadOptions, LoadRequest, LoadUsers, SideKind, Users,
};
use cadangkan_testkit::mysql::{MysqlServer, TestDatabase, servers};
use cadangkan_testkit::runs::Dump;
use serde_json::json;

use crate::load_support::{Absent, drop_family, plan, told};
use crate::support::{dump, dump_while, engine, engine_with, load};

/// A database and accounts of every kind that concern it, dropped at the end.
pub(crate) struct Crowd {
    pub(crate) database: TestDatabase,
    /// Ends the name of every account, so that no other test has it.
    pub(crate) mark: String,
    accounts: Vec<String>,
    roles: Vec<String>,
}

/// Of everybody in the crowd who has one.
pub(crate) const PASSWORD: &str = "it's a \\ secret; ü";

impl Crowd {
    pub(crate) fn new(server: &MysqlServer) -> Crowd {
        let database = server.database();
        let mark = database.name.chars().rev().take(10).collect::<String>();
        let name = |begin: &str| format!("`{begin}{mark}`");
        let accounts = vec![
            format!("{}@`127.0.0.1`", name("plain")),
            format!("{}@`10.0.0.0/255.255.255.0`", name("a'b``c \\ \"")),
            format!("``@`h{mark}%`"),
            format!("{}@`%`", name("limited")),
            format!("{}@`%`", name("by pattern")),
            format!("{}@`%`", name("through role")),
            format!("{}@`localhost`", name("definer")),
        ];
        let roles = vec![name("reader"), name("nested")];
        let crowd = Crowd { database, mark, accounts, roles };
        crowd.make();
        crowd
    }

    fn make(&self) {
        let [plain, odd, nobody, limited, by_pattern, through, definer] = &self.accounts[..] else {
            panic!()
        };
        let [reader, nested] = &self.roles[..] else { panic!() };
        let name = &self.database.name;
        // Of this database alone: other tests have accounts of their own.
        let mut pattern = name.replace('_', "\\_");
        pattern.pop();
        pattern.push('%');
        let password = PASSWORD.replace('\\', "\\\\").replace('\'', "''");
        let mut sql = format!(
            "CREATE TABLE `ta``ble` (a int, b int); CREATE TABLE other (a int);
             CREATE USER {definer} ACCOUNT LOCK; CREATE DEFINER = {definer} FUNCTION one() RETURNS int DETERMINISTIC RETURN 1;
             CREATE USER {plain} IDENTIFIED BY '{password}';
             CREATE USER {odd} IDENTIFIED BY '{password}'; CREATE USER {nobody};
             CREATE USER {limited} IDENTIFIED BY '{password}' REQUIRE SUBJECT '/CN=it''s me' ISSUER '/CN=\\\\you'
               WITH MAX_QUERIES_PER_HOUR 5 MAX_USER_CONNECTIONS 7 PASSWORD EXPIRE INTERVAL 3 DAY ACCOUNT LOCK;
             CREATE USER {by_pattern} IDENTIFIED BY '{password}' PASSWORD EXPIRE;
             CREATE USER {through} REQUIRE SSL;
             CREATE ROLE {reader}, {nested};
             GRANT SELECT, INSERT ON {name}.* TO {plain} WITH GRANT OPTION;
             GRANT PROCESS ON *.* TO {plain};
             GRANT SELECT (a), INSERT (b), UPDATE ON {name}.`ta``ble` TO {odd} WITH GRANT OPTION;
             GRANT DELETE ON {name}.other TO {nobody};
             GRANT EXECUTE ON FUNCTION {name}.one TO {limited};
             GRANT ALL ON `{pattern}`.* TO {by_pattern};
             GRANT SELECT ON {name}.* TO {reader}; GRANT {reader} TO {nested};
             GRANT {nested} TO {through} WITH ADMIN OPTION;
             CREATE DEFINER = {definer} VIEW v AS SELECT 1 AS one;",
        );
        sql += &match self.server().is_mariadb() {
            true => format!("SET DEFAULT ROLE {nested} FOR {through}; GRANT PROXY ON {plain} TO {odd};"),
            false => {
                format!("SET DEFAULT ROLE {nested} TO {through}; ALTER USER {plain} COMMENT 'it''s \"x\"';")
            }
        };
        self.database.run(&sql);
    }

    pub(crate) fn server(&self) -> &MysqlServer {
        &self.database.server
    }

    /// What the server says of all of them.
    pub(crate) fn shown(&self) -> String {
        self.shown_by(self.server())
    }

    fn shown_by(&self, server: &MysqlServer) -> String {
        let hex = if self.server().is_mariadb() { "" } else { "SET print_identified_with_as_hex = ON;" };
        let mut text = String::new();
        for account in &self.accounts {
            text += &server.run("", &format!("{hex} SHOW CREATE USER {account}; SHOW GRANTS FOR {account}"));
        }
        for role in &self.roles {
            text += &server.run("", &format!("SHOW GRANTS FOR {role}"));
        }
        text
    }

    pub(crate) fn drop_all(&self) {
        let sql = format!(
            "DROP USER IF EXISTS {}; DROP ROLE IF EXISTS {}",
            self.accounts.join(", "),
            self.roles.join(", ")
        );
        self.server().try_run("", &sql).ok();
    }

    /// Fails unless the first of them can log in as before, and do what it may.
    pub(crate) fn log_in(&self) {
        self.log_in_to(&self.database.name);
    }

    fn log_in_to(&self, database: &str) {
        self.log_in_at(self.server(), database);
    }

    fn log_in_at(&self, server: &MysqlServer, database: &str) {
        let url = server.url_for(&format!("plain{}", self.mark), PASSWORD, database);
        let request = DumpRequest { options: without_users(), ..tables("other") };
        crate::support::controlled(|control| engine_with(&url, json!({})).plan_dump(&request, control))
            .unwrap();
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.drop_all();
    }
}

fn without_users() -> DumpOptions {
    DumpOptions { users: Users::Excluded, ..DumpOptions::default() }
}

fn tables(name: &str) -> DumpRequest {
    let selection =
        Selection { tables: vec![Pattern(name.to_owned())], data_only: true, ..Selection::default() };
    DumpRequest { selection, ..DumpRequest::default() }
}

/// The script beside a dump.
pub(crate) fn script(dump: &Dump) -> Vec<u8> {
    let [side] = &dump.start.side_files[..] else { panic!("{:?}", dump.start) };
    assert_eq!(side.kind, SideKind::USERS);
    side.bytes.clone()
}

#[test]
fn the_stock_client_makes_everybody_again() {
    for server in servers() {
        let crowd = Crowd::new(&server);
        let before = crowd.shown();
        let made = dump(engine(&crowd.database).as_ref(), &DumpRequest::default()).unwrap();
        let script = script(&made);
        let text = String::from_utf8(script.clone()).unwrap();
        assert!(!text.contains("`root`@") && !text.contains("mariadb.sys"), "{text}");
        assert!(!text.contains("certuser"), "only who concerns the database: {text}");
        crowd.drop_all();
        server.feed("", &script).unwrap();
        assert_eq!(crowd.shown(), before, "{server}: {text}");
        crowd.log_in();
        // Again is the same.
        server.feed("", &script).unwrap();
        assert_eq!(crowd.shown(), before, "{server}: {text}");
    }
}

#[test]
fn one_of_many_brings_who_is_of_no_database() {
    for server in servers() {
        let crowd = Crowd::new(&server);
        let (other, monitor) = (server.database(), format!("`monitor{}`@`%`", crowd.mark));
        let stranger = other.plain_user(&["SELECT"]);
        server.run("", &format!("CREATE USER {monitor}; GRANT PROCESS ON *.* TO {monitor}"));
        let whole = engine_with(&server.url_of(""), json!({ "database": null, "databases": "*" }));
        let one = whole.server().unwrap().database(&crowd.database.name);
        let made = dump(one.as_ref(), &DumpRequest::default());
        server.run("", &format!("DROP USER {monitor}"));
        let text = String::from_utf8(script(&made.unwrap())).unwrap();
        assert!(text.contains(&monitor) && text.contains("`root`@`localhost`"), "{text}");
        assert!(!text.contains(&stranger.name) && !text.contains("`mysql.sys`@"), "{text}");
    }
}

#[test]
fn who_may_not_read_accounts_is_told_and_nothing_fails_unless_asked() {
    for server in servers() {
        let database = server.database();
        database.run("CREATE TABLE other (a int)");
        let user = database.plain_user(&["SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES", "RELOAD ON *.*"]);
        let engine = engine_with(&user.url, json!({}));
        let made = dump(engine.as_ref(), &DumpRequest::default()).unwrap();
        assert_eq!(made.start.side_files, []);
        let told =
            |warnings: &[String]| warnings.iter().any(|text| text.contains("users and grants are not"));
        assert!(told(&made.start.warnings), "{:?}", made.start.warnings);
        for quiet in [DumpRequest { options: without_users(), ..DumpRequest::default() }, tables("other")] {
            let made = dump(engine.as_ref(), &quiet).unwrap();
            assert!(made.start.side_files.is_empty() && !told(&made.start.warnings), "{:?}", made.start);
        }
        let options = DumpOptions { users: Users::Required, ..DumpOptions::default() };
        let error = dump(engine.as_ref(), &DumpRequest { options, ..DumpRequest::default() }).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    }
}

fn with_users(made: &Dump, mode: LoadMode, users: LoadUsers) -> LoadRequest {
    let options = LoadOptions { users: Some(users), ..LoadOptions::default() };
    LoadRequest { options, ..made.request(mode) }
}

#[test]
fn a_restore_makes_who_is_missing_and_changes_nobody_unless_asked() {
    for server in servers() {
        let crowd = Crowd::new(&server);
        let engine = engine(&crowd.database);
        let before = crowd.shown();
        let made = dump(engine.as_ref(), &DumpRequest::default()).unwrap();
        crowd.drop_all();
        let request = with_users(&made, LoadMode::Replace, LoadUsers::Missing);
        let planned = plan(engine.as_ref(), &request).unwrap();
        let steps = planned.steps.join("\n");
        assert!(
            steps.contains("make the users and roles")
                && steps.contains(&format!("plain{}@127.0.0.1", crowd.mark)),
            "{steps}"
        );
        load(engine.as_ref(), &made, &request).unwrap();
        assert_eq!(crowd.shown(), before, "{server}");
        crowd.log_in();

        let plain = format!("`plain{}`@`127.0.0.1`", crowd.mark);
        let limited = format!("`limited{}`@`%`", crowd.mark);
        server.run(
            "",
            &format!(
            "ALTER USER {plain} IDENTIFIED BY 'another' REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 1 ACCOUNT LOCK;
             ALTER USER {limited} REQUIRE NONE ACCOUNT UNLOCK;
             REVOKE INSERT ON {}.* FROM {plain}", crowd.database.name),
        );
        let changed = crowd.shown();
        let (_, notes) = load(engine.as_ref(), &made, &request).unwrap();
        // With a routine the server drops the privileges on it, which the plan says.
        let other = |shown: &str| {
            let lines: Vec<_> = shown.lines().filter(|line| !line.starts_with("GRANT EXECUTE")).collect();
            lines.join("\n")
        };
        assert_eq!(other(&crowd.shown()), other(&changed), "{server}");
        assert!(notes.iter().any(|note| note.contains("left as they were")), "{notes:?}");
        let request = with_users(&made, LoadMode::Replace, LoadUsers::Replace);
        let (_, notes) = load(engine.as_ref(), &made, &request).unwrap();
        assert_eq!(crowd.shown(), before, "{server}");
        assert!(notes.iter().any(|note| note.contains("users and roles changed")), "{notes:?}");
        crowd.log_in();
        drop_family(&crowd.database);
    }
}

#[test]
fn in_a_database_of_another_name_grants_are_on_that_name() {
    for server in servers() {
        let crowd = Crowd::new(&server);
        let made = dump(engine(&crowd.database).as_ref(), &DumpRequest::default()).unwrap();
        crowd.drop_all();
        let absent = Absent::new(&server, "side_moved_");
        load(absent.engine().as_ref(), &made, &with_users(&made, LoadMode::Fresh, LoadUsers::Missing))
            .unwrap();
        let (shown, name) = (crowd.shown(), &absent.name);
        assert!(
            !shown.contains("cadangkan_test") && !shown.contains("cadangkan\\\\_test"),
            "{server}: {shown}"
        );
        let escaped = name.replace('_', "\\\\_");
        for grant in [
            format!("GRANT ALL PRIVILEGES ON `{escaped}`.* TO `by pattern"),
            format!("GRANT SELECT (`a`), INSERT (`b`), UPDATE ON `{name}`.`ta``ble` TO `a'b``c"),
            format!("GRANT EXECUTE ON FUNCTION `{name}`.`one` TO `limited"),
        ] {
            assert!(shown.contains(&grant), "{server}: {grant} is not in {shown}");
        }
        crowd.log_in_to(name);
    }
}

#[test]
fn what_cannot_be_made_is_said_before_anything_is_touched() {
    for server in servers() {
        let database = server.database();
        database.run("CREATE TABLE other (a int)");
        let made = dump(engine(&database).as_ref(), &DumpRequest::default()).unwrap();
        let absent = Absent::new(&server, "side_refused_");
        let request = |script: &str| {
            let side_files = [(SideKind::USERS.word.to_owned(), script.as_bytes().to_vec())].into();
            LoadRequest { side_files, ..with_users(&made, LoadMode::Fresh, LoadUsers::Missing) }
        };
        let odd = "CREATE USER IF NOT EXISTS `side_odd`@`h` IDENTIFIED WITH 'no_such_plugin' AS 'x';\nGRANT PROCESS ON *.* TO `side_odd`@`h`;\n";
        let planned = plan(absent.engine().as_ref(), &request(odd)).unwrap();
        assert!(
            planned
                .warnings
                .iter()
                .any(|text| text.contains("side_odd@h") && text.contains("no_such_plugin")),
            "{:?}",
            planned.warnings
        );
        load(absent.engine().as_ref(), &made, &request(odd)).unwrap();
        assert_eq!(server.run("", "SELECT COUNT(*) FROM mysql.user WHERE User = 'side_odd'"), "0\n");
        server.drop_database(&absent.name).unwrap();

        let refused = |request: &LoadRequest| plan(absent.engine().as_ref(), request).err().unwrap();
        assert_eq!(refused(&request("DROP DATABASE mysql;")).kind(), ErrorKind::DamagedBackup);
        let none = LoadRequest { side_files: Default::default(), ..request("") };
        assert_eq!(refused(&none).kind(), ErrorKind::NotFound);
        let mut foreign = request("");
        foreign
            .attributes
            .insert("flavor".to_owned(), json!(if server.is_mariadb() { "mysql" } else { "mariadb" }));
        assert_eq!(refused(&foreign).kind(), ErrorKind::Unsupported);
        let user = database.plain_user(&["ALL PRIVILEGES", "SELECT ON mysql.*"]);
        let error = plan(
            engine_with(&user.url, json!({})).as_ref(),
            &LoadRequest { mode: LoadMode::Clean, ..request("") },
        );
        let error = error.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Denied, "{}", told(&error));
        assert!(told(&error).contains("CREATE USER, GRANT OPTION"), "{}", told(&error));
    }
}

#[test]
fn definers_are_replaced_by_one_that_is_there() {
    for server in servers() {
        let crowd = Crowd::new(&server);
        let made = dump(engine(&crowd.database).as_ref(), &DumpRequest::default()).unwrap();
        let absent = Absent::new(&server, "side_definer_");
        let by = |definer: &str, no_owner| LoadRequest {
            options: LoadOptions { definer: Some(definer.to_owned()), no_owner, ..LoadOptions::default() },
            ..made.request(LoadMode::Fresh)
        };
        let refused = |request: &LoadRequest| plan(absent.engine().as_ref(), request).err().unwrap().kind();
        assert_eq!(refused(&by("nobody of that name@%", false)), ErrorKind::NotFound);
        assert_eq!(refused(&by("nobody", false)), ErrorKind::Usage);
        assert_eq!(refused(&by("root@localhost", true)), ErrorKind::Usage);
        let odd = format!("a'b`c \\ \"{}@10.0.0.0/255.255.255.0", crowd.mark);
        load(absent.engine().as_ref(), &made, &by(&odd, false)).unwrap();
        let definers = absent.run(
            "SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()
             UNION ALL SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()",
        );
        let shown = odd.replace('\\', "\\\\");
        assert_eq!(definers, format!("{shown}\n{shown}\n"), "{server}");
        // One that comes with the backup will do as well.
        server.drop_database(&absent.name).unwrap();
        crowd.drop_all();
        let mut request = by(&odd, false);
        assert_eq!(refused(&request), ErrorKind::NotFound);
        request.options.users = Some(LoadUsers::Missing);
        load(absent.engine().as_ref(), &made, &request).unwrap();
    }
}

#[test]
fn another_server_has_the_same_people() {
    for server in servers() {
        let Some(own) = server.another() else { return };
        let crowd = Crowd::new(&server);
        let made = dump(engine(&crowd.database).as_ref(), &DumpRequest::default()).unwrap();
        let name = &crowd.database.name;
        let there = engine_with(&own.server.url_of(name), json!({}));
        load(there.as_ref(), &made, &with_users(&made, LoadMode::Fresh, LoadUsers::Missing)).unwrap();
        assert_eq!(crowd.shown_by(&own.server), crowd.shown(), "{server}");
        crowd.log_in_at(&own.server, name);
        assert_eq!(own.server.run(name, "SELECT one FROM v"), "1\n", "the definer is there");
    }
}

#[test]
fn accounts_can_change_while_a_backup_is_under_way() {
    for server in servers() {
        let crowd = Crowd::new(&server);
        let extra = format!("`extra{}`@`%`", crowd.mark);
        let sql = format!(
            "SET lock_wait_timeout = 20; CREATE USER {extra}; GRANT SELECT ON *.* TO {extra}; DROP USER {extra}"
        );
        let change = || drop(server.run("", &sql));
        dump_while(engine(&crowd.database).as_ref(), &DumpRequest::default(), change).unwrap();
    }
}
