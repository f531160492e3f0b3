//! Definitions that need rows, made while rows of other tables still come.

use cadangkan_core::{Frame, Section};
use cadangkan_engine::{DumpRequest, Piece};
use cadangkan_testkit::servers::postgres;

use crate::load_support::fresh;
use crate::support::{controlled, dump, engine, fingerprints};

/// A large table whose index and foreign key need its own rows and those of another one only, and one with an index by
/// a function that reads a table, as no function of an index should and many do.
const SHOP: &str = "
    CREATE TABLE rates (id int PRIMARY KEY, factor int);
    INSERT INTO rates SELECT g, g % 7 FROM generate_series(1, 1000) g;
    CREATE FUNCTION rated(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT factor FROM public.rates WHERE id = $1';
    CREATE TABLE sales (id int PRIMARY KEY, rate int REFERENCES rates, note text);
    INSERT INTO sales SELECT g, 1 + g % 1000, repeat(md5(g::text), 8) FROM generate_series(1, 8000) g;
    CREATE INDEX sales_note ON sales (note);
    CREATE TABLE rated_sales (id int PRIMARY KEY, rate int, note text);
    INSERT INTO rated_sales SELECT id, rate, note FROM sales;
    CREATE UNIQUE INDEX rated_sales_factor ON rated_sales ((rated(rate)), id);
    CREATE TABLE last (id int PRIMARY KEY);
    INSERT INTO last VALUES (1)";

#[test]
fn indexes_and_foreign_keys_are_made_while_rows_of_other_tables_come() {
    for server in postgres() {
        let source = server.database();
        source.psql(SHOP);
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let target = server.database();
        let loader = engine(&target);
        controlled(|control| {
            let plan = loader.plan_load(&fresh(&dumped), control).unwrap();
            let mut load = loader.begin_load(&plan, control).unwrap();
            assert!(load.definitions_first());
            let give = |wanted: &dyn Fn(&Frame) -> bool| {
                let mut raw_offset = 0;
                for frame in &dumped.frames {
                    let (section, object) = (Some(frame.section), Some(&frame.object));
                    if wanted(frame) {
                        load.load(&Piece { raw_offset, section, object, data: &frame.data }, control)
                            .unwrap();
                    }
                    raw_offset += frame.data.len() as u64;
                }
            };
            let rows_of = |table: &'static str| move |frame: &Frame| frame.object.name == table;
            give(&|frame| frame.section > Section::Data);
            give(&|frame| frame.section < Section::Data);
            let made = || {
                target.psql("SELECT relname FROM pg_class WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace
                                       UNION SELECT conname FROM pg_constraint WHERE contype = 'f' ORDER BY 1")
            };
            give(&rows_of("rates"));
            assert_eq!(made(), "", "it is small");
            give(&rows_of("rated_sales"));
            assert_eq!(made(), "rated_sales_pkey\nrates_pkey\n", "a function may read what is not there yet");
            give(&rows_of("sales"));
            let all = "rated_sales_pkey\nrates_pkey\nsales_note\nsales_pkey\nsales_rate_fkey\n";
            assert_eq!(made(), all);
            give(&rows_of("last"));
            assert_eq!(made(), all);
            load.finish(control).unwrap();
            load.commit().unwrap();
        });
        assert_eq!(target.schema(), source.schema());
        assert_eq!(fingerprints(&*engine(&target)), fingerprints(&*engine(&source)));
        let by_index = "SET enable_seqscan = off; SELECT count(*) FROM rated_sales WHERE rated(rate) = 3";
        assert_eq!(target.psql(by_index), source.psql(by_index));
        let valid = "SELECT count(*) FROM pg_constraint WHERE NOT convalidated";
        assert_eq!(target.psql(valid), "0\n");
        assert_eq!(target.psql("SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'sales'"), "t\n");
    }
}

/// Autovacuum finds the tables locked, and nothing of ours does.
#[test]
fn tables_are_kept_from_autovacuum_while_they_are_filled() {
    for server in postgres() {
        let source = server.database();
        source.psql(
            "CREATE TABLE big (id int PRIMARY KEY, note text);
             INSERT INTO big SELECT g, repeat(md5(g::text), 32) FROM generate_series(1, 9000) g",
        );
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let target = server.database();
        let loader = engine(&target);
        controlled(|control| {
            let mut request = fresh(&dumped);
            // As the manifest says.
            request.objects.iter_mut().for_each(|object| object.raw_bytes = Some(9 << 20));
            let plan = loader.plan_load(&request, control).unwrap();
            let mut load = loader.begin_load(&plan, control).unwrap();
            let mut frames: Vec<_> = dumped.frames.iter().collect();
            let order = Section::in_order(true);
            frames.sort_by_key(|frame| order.iter().position(|section| *section == frame.section));
            let rows = frames.iter().filter(|frame| frame.section == Section::Data).count();
            assert!(rows > 1, "all rows are one frame");
            for (place, frame) in frames.iter().enumerate() {
                let (section, object) = (Some(frame.section), Some(&frame.object));
                load.load(&Piece { raw_offset: place as u64, section, object, data: &frame.data }, control)
                    .unwrap();
                if place + 2 == frames.len() {
                    let vacuum = "VACUUM (SKIP_LOCKED) big; SELECT last_vacuum IS NULL FROM pg_stat_user_tables WHERE relname = 'big'";
                    assert_eq!(target.psql(vacuum), "t\n");
                }
            }
            load.finish(control).unwrap();
            load.commit().unwrap();
        });
        assert_eq!(fingerprints(&*engine(&target)), fingerprints(&*engine(&source)));
    }
}
