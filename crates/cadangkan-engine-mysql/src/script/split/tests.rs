use proptest::prelude::*;

use super::*;

fn split(script: &[u8], cuts: &[usize]) -> Result<Vec<(String, u64, Option<Header>)>> {
    let mut found = Vec::new();
    let mut take = |statement: Statement<'_>| {
        let text = String::from_utf8_lossy(statement.text).into_owned();
        found.push((text, statement.line, statement.header.cloned()));
        Ok(())
    };
    let mut splitter = Splitter::new();
    let mut from = 0;
    for cut in cuts.iter().copied().chain([script.len()]) {
        let cut = cut.clamp(from, script.len());
        splitter.push(&script[from..cut], &mut take)?;
        from = cut;
    }
    splitter.finish(&mut take)?;
    Ok(found)
}

fn texts(script: &str) -> Vec<String> {
    split(script.as_bytes(), &[]).unwrap().into_iter().map(|(text, ..)| text).collect()
}

const SCRIPT: &str = r#"/*!999999\- enable the sandbox mode */
-- MariaDB dump; it's here
/*!40101 SET NAMES utf8mb4 */;
# another ; comment
/* a
   ; 'b */
INSERT INTO `a;``b` VALUES (1,'x;\'y'';--'),(2,"z\"\\"); SELECT 1-- 2
;
-- Cadangkan: kind=PROCEDURE name="p"
SET sql_mode = 'NO_BACKSLASH_ESCAPES';
DELIMITER ;;
CREATE PROCEDURE p() BEGIN -- it's; fine
  SELECT '\'; /* ; ' */ SELECT 2; END;;
SET sql_mode = @saved ;;
delimiter ;
describe x; SELECT '\\;' ;
SELECT a/b, 3-4, 5--6;
last"#;

#[test]
fn a_script_is_cut_as_clients_do() {
    let found = split(SCRIPT.as_bytes(), &[]).unwrap();
    let texts: Vec<_> = found.iter().map(|(text, ..)| text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "/*!40101 SET NAMES utf8mb4 */",
            "INSERT INTO `a;``b` VALUES (1,'x;\\'y'';--'),(2,\"z\\\"\\\\\")",
            "SELECT 1-- 2",
            "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
            "CREATE PROCEDURE p() BEGIN -- it's; fine\n  SELECT '\\'; /* ; ' */ SELECT 2; END",
            "SET sql_mode = @saved",
            "describe x",
            "SELECT '\\\\;'",
            "SELECT a/b, 3-4, 5--6",
            "last",
        ]
    );
    assert_eq!((found[1].1, found[4].1), (7, 12));
    assert_eq!((&found[2].2, found[3].2.as_ref().map(|header| header.name.as_str())), (&None, Some("p")));
}

#[test]
fn ends_inside_a_statement_are_damage() {
    for bad in ["SELECT 'a", "SELECT `", "SELECT 1 /* x"] {
        assert_eq!(split(bad.as_bytes(), &[]).unwrap_err().kind(), ErrorKind::DamagedBackup, "{bad}");
    }
    assert!(texts("-- nothing\n/* at all").is_empty());
    assert_eq!(texts("/*M!999999\\- enable the sandbox mode */ \n-- x\nSELECT 1;"), ["SELECT 1"]);
    assert_eq!(texts("/*M!100301 SET a */; /*M"), ["/*M!100301 SET a */"]);
    assert_eq!(texts(";;\r\n;SELECT 1\r\n;\r\nDELIMITER $$\r\nSELECT 2;$$"), ["SELECT 1", "SELECT 2;"]);
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same(cuts in proptest::collection::vec(0..SCRIPT.len(), 0..20)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        prop_assert_eq!(split(SCRIPT.as_bytes(), &cuts).unwrap(), split(SCRIPT.as_bytes(), &[]).unwrap());
    }

    #[test]
    fn any_chunking_of_anything_gives_the_same(
        script in "[-a'\"`;#/*!M9\\\\ \ndelimitrDELIMITER$]{0,60}",
        cuts in proptest::collection::vec(0..60_usize, 0..8),
    ) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let (one, other) = (split(script.as_bytes(), &[]), split(script.as_bytes(), &cuts));
        match (one, other) {
            (Ok(one), Ok(other)) => prop_assert_eq!(one, other),
            (Err(one), Err(other)) => prop_assert_eq!(one.kind(), other.kind()),
            (one, other) => prop_assert!(false, "{:?} {:?}", one, other),
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = split(&bytes, &[bytes.len() / 2]);
        let _ = About::read(&bytes);
        let _ = crate::script::CreateTable::read(&bytes);
        let _ = crate::script::Inserts::new(&bytes).collect::<Vec<_>>();
        let _ = crate::script::without_definer(&bytes);
    }
}
