use super::*;
use crate::script::parse;

const POST: &str = include_str!("../fixtures/rich-post.sql");

fn names(names: &[QualifiedName]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn find<'j>(jobs: &'j [Job], name: &str) -> &'j Job {
    jobs.iter().find(|job| job.entry.header.name == name).unwrap()
}

#[test]
fn stages_follow_dependencies() {
    let entries = parse(POST).unwrap().entries;
    let count = entries.len();
    let jobs = jobs(entries);
    assert_eq!(jobs.len(), count);
    assert!(jobs.is_sorted_by_key(|job| job.stage));
    for (name, stage) in [
        ("customers customers_pkey", 1),
        ("orders_day", 1),
        ("orders_2025_pkey", 2),
        ("orders orders_customer_fkey", 3),
        ("customers touch", 4),
        ("happy redirect", 4),
        ("grouped _RETURN", 4),
        ("customers mine", 4),
        ("customers", 4),
        ("depends", 4),
        ("pub", 4),
        ("stats", REFRESH_STAGE),
        ("stats2", REFRESH_STAGE),
        ("pub customers", LAST_STAGE),
        ("ddl", LAST_STAGE),
        ("INDEX customers_trgm", LAST_STAGE),
    ] {
        assert_eq!(find(&jobs, name).stage, stage, "{name}");
    }
    let refreshed: Vec<_> =
        jobs.iter().filter(|job| job.stage == REFRESH_STAGE).map(|job| &job.entry.header.name).collect();
    assert_eq!(refreshed, ["stats", "stats2"]);
}

#[test]
fn locks_are_those_of_the_server() {
    let jobs = jobs(parse(POST).unwrap().entries);
    let index = find(&jobs, "orders_day");
    assert_eq!((names(&index.shared), names(&index.exclusive)), (vec!["app.orders".to_owned()], Vec::new()));
    assert_eq!(names(&find(&jobs, "orders orders_pkey").exclusive), ["app.orders"]);
    assert_eq!(names(&find(&jobs, "orders orders_customer_fkey").exclusive), ["app.customers", "app.orders"]);
    assert_eq!(names(&find(&jobs, "orders_2025_day_idx").exclusive), [""; 0]);
    let rule = find(&jobs, "happy redirect");
    assert_eq!(names(&rule.exclusive), ["app.happy"]);
    assert!(names(&rule.shared).contains(&"app.customers".to_owned()));
}

#[test]
fn an_index_that_changes_its_table_has_it_alone() {
    let text = "-- Name: i; Type: INDEX; Schema: s; Owner: o\nCREATE INDEX i ON s.t (a);\nALTER TABLE s.t CLUSTER ON i;\n";
    let jobs = jobs(parse(text).unwrap().entries);
    assert_eq!((names(&jobs[0].exclusive), jobs[0].shared.len()), (vec!["s.t".to_owned()], 0));
}

#[test]
fn a_trigger_of_a_partition_is_switched_when_it_is_there() {
    let text = "-- Name: t_1 x; Type: TRIGGER; Schema: s; Owner: o\nALTER TABLE s.t_1 DISABLE TRIGGER x;\n\
                -- Name: t x; Type: TRIGGER; Schema: s; Owner: o\nCREATE TRIGGER x AFTER INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.f();\n\
                ALTER TABLE s.t DISABLE TRIGGER x;\n";
    let jobs = jobs(parse(text).unwrap().entries);
    let order: Vec<_> = jobs.iter().map(|job| (job.entry.header.name.as_str(), job.stage)).collect();
    assert_eq!(order, [("t x", 4), ("t_1 x", LAST_STAGE)]);
}

#[test]
fn expressions_and_conditions_of_indexes_are_seen() {
    for plain in [
        "CREATE UNIQUE INDEX i ON s.t USING btree (a, b DESC NULLS LAST) INCLUDE (c) WITH (fillfactor='70')",
        "CREATE INDEX \"where (\" ON s.\"t)(\" USING gin (doc jsonb_path_ops, \"lower(a)\" COLLATE \"C\")",
        "ALTER TABLE ONLY s.t ADD CONSTRAINT k PRIMARY KEY (a, b)",
    ] {
        assert!(!has_expression(plain), "{plain}");
    }
    for other in [
        "CREATE INDEX i ON s.t USING btree (lower(a))",
        "CREATE INDEX i ON s.t USING btree (((a)::text))",
        "CREATE INDEX i ON s.t USING btree (a) WHERE active",
        "ALTER TABLE ONLY s.t ADD CONSTRAINT e EXCLUDE USING gist (a WITH =) where (b > 0)",
    ] {
        assert!(has_expression(other), "{other}");
    }
}
