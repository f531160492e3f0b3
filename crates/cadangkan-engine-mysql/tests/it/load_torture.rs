//! Everything that servers know, loaded as scripts and as frames, against what the stock client makes of the same.

use cadangkan_core::{ObjectName, Section};
use cadangkan_engine::{Engine, LoadMode, LoadRequest, Piece};
use cadangkan_testkit::mysql::{TestDatabase, servers};
use cadangkan_testkit::torture::load_mysql;

use crate::load_support::{at, controlled, leftovers, request, restore_stream, stock_dump};

/// Takes away what the stock programs cannot dump, or restore under another name only.
fn without_what_stock_tools_lose(database: &TestDatabase) {
    database.run("DROP VIEW of_nobody_at_all; DROP TABLE seen_by_nobody");
    if database.server.is_mariadb() {
        database.run("DROP TABLE from_a_sequence; DROP SEQUENCE s_of_default");
    }
}

#[test]
fn scripts_come_out_as_with_the_stock_client() {
    for server in servers() {
        let (source, stock) = (server.database(), server.database());
        load_mysql(&source);
        without_what_stock_tools_lose(&source);
        let dump = stock_dump(&source, &[]);
        server.feed(&stock.name, &dump).unwrap();
        let (definitions, contents) = (stock.definitions(), stock.contents());
        let ours = server.database();
        for mode in [LoadMode::Fresh, LoadMode::Clean, LoadMode::Replace, LoadMode::Recreate] {
            let engine = at(&ours.url);
            let loaded = restore_stream(&*engine, &request(mode), &dump, 100_000);
            assert!(loaded.is_ok(), "{server} {mode:?}: {:?}", loaded.err());
            same(&ours.definitions(), &definitions, &format!("{server} {mode:?}"));
            same(&ours.contents(), &contents, &format!("{server} {mode:?}"));
            for leftover in leftovers(&*engine) {
                engine.discard(&leftover).unwrap();
            }
        }
    }
}

#[test]
fn frames_come_out_as_with_the_stock_client() {
    for server in servers() {
        let (source, stock, ours) = (server.database(), server.database(), server.database());
        load_mysql(&source);
        without_what_stock_tools_lose(&source);
        let frames = frames(&source);
        let engine = at(&ours.url);
        load_frames(&*engine, &request(LoadMode::Fresh), &frames);
        let script: Vec<u8> = frames.iter().flat_map(|frame| frame.2.clone()).collect();
        server.feed(&stock.name, &script).unwrap();
        same(&ours.definitions(), &stock.definitions(), &server.to_string());
        same(&ours.contents(), &stock.contents(), &server.to_string());
        assert!(leftovers(&*engine).is_empty());
    }
}

type Frame = (Section, ObjectName, Vec<u8>);

/// Frames as a dump of ours has them: tables and rows, from what the server and its stock program say.
fn frames(source: &TestDatabase) -> Vec<Frame> {
    let header = "SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0, unique_checks = 0;\n";
    let mut frames = vec![(Section::Header, ObjectName::new("definitions"), header.as_bytes().to_vec())];
    let tables = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()
                  AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY ENGINE = 'MRG_MyISAM', TABLE_NAME";
    for name in source.run(tables).lines().map(unescape) {
        let shown = source.run(&format!("SHOW CREATE TABLE `{}`", name.replace('`', "``")));
        let definition = unescape(shown.trim_end_matches('\n').split_once('\t').unwrap().1);
        let text = format!("-- Cadangkan: kind=TABLE name={}\n{definition};\n\n", serde_json::json!(name));
        frames.push((Section::PreData, ObjectName::new(name), text.into_bytes()));
    }
    let rows = stock_dump(
        source,
        &["--complete-insert", "--no-create-info", "--skip-triggers", "--compact", "--force"],
    );
    let rows = String::from_utf8(rows).unwrap();
    let mut statement = String::new();
    for line in rows.lines() {
        if statement.is_empty() && !line.starts_with("INSERT INTO ") {
            continue;
        }
        statement.push_str(line);
        statement.push('\n');
        if line.ends_with(");") {
            let quoted = statement.strip_prefix("INSERT INTO `").unwrap().replace("``", "\0");
            let name = quoted.split('`').next().unwrap().replace('\0', "`");
            let data = std::mem::take(&mut statement).into_bytes();
            frames.push((Section::Data, ObjectName::new(name), data));
        }
    }
    frames
}

fn load_frames(engine: &dyn Engine, request: &LoadRequest, frames: &[Frame]) {
    controlled(|control| {
        let plan = engine.plan_load(request, control).unwrap();
        let mut load = engine.begin_load(&plan, control).unwrap();
        let mut raw_offset = 0;
        for (section, object, data) in frames {
            let piece = Piece { raw_offset, section: Some(*section), object: Some(object), data };
            load.load(&piece, control).unwrap_or_else(|error| panic!("{object}: {error:?}"));
            raw_offset += data.len() as u64;
        }
        load.finish(control).unwrap();
        load.commit().unwrap();
    });
}

/// Takes the client's escapes for what they stand for.
fn unescape(printed: &str) -> String {
    let mut text = String::new();
    let mut characters = printed.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('0') => text.push('\0'),
                other => text.extend(other),
            },
            (plain, false) => text.push(plain),
        }
    }
    text
}

/// Compares line by line, so that a difference can be read.
fn same(found: &str, expected: &str, what: &str) {
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "{what}");
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}
