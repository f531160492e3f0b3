//! Rules by which the server moves and removes objects. All rules of a bucket are one document: those of others are put
//! back as they came, byte for byte.

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::{Lifecycle, LifecycleRule};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Deserialize;

use crate::answers::parse;
use crate::client::Client;
use crate::keeping::{Moving, md5};
use crate::request::Request;

/// The tag of archives, so that a rule finds them and nothing that must stay readable.
pub(crate) const ARCHIVE_TAG: (&str, &str) = ("content", "archive");
/// After so many days the parts of an upload that nobody finished go.
const UNFINISHED_DAYS: u32 = 7;
/// The element around all rules.
const DOCUMENT: &str = "LifecycleConfiguration";
/// Says how small an object may be that rules move; it comes and goes beside the document.
const LEAST_SIZE: &str = "x-amz-transition-default-minimum-object-size";

/// The rules of a bucket, as far as they concern a folder in it.
pub(crate) struct Rules<'a> {
    pub(crate) client: &'a Client,
    /// What the keys of the folder begin with.
    pub(crate) begin: String,
    pub(crate) moving: Option<&'a Moving>,
}

/// All rules of a bucket.
#[derive(Default)]
struct Document {
    rules: Vec<Found>,
    least_size: Option<String>,
}

/// A rule as it came, and what was read of it.
struct Found {
    text: String,
    rule: Rule,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Rule {
    #[serde(rename = "ID")]
    id: String,
    status: String,
    prefix: Option<String>,
    filter: Filter,
    expiration: Option<Expiration>,
    #[serde(rename = "Transition")]
    transitions: Vec<Transition>,
    noncurrent_version_expiration: Option<Noncurrent>,
    abort_incomplete_multipart_upload: Option<Unfinished>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Filter {
    prefix: Option<String>,
    #[serde(rename = "Tag")]
    tags: Vec<Tag>,
    and: Option<Box<Filter>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Expiration {
    days: Option<u32>,
    date: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Transition {
    days: Option<u32>,
    date: Option<String>,
    storage_class: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Noncurrent {
    noncurrent_days: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Unfinished {
    days_after_initiation: u32,
}

impl Lifecycle for Rules<'_> {
    fn wanted(&self) -> Vec<LifecycleRule> {
        self.ours().iter().map(|text| self.told(&parse(text.as_bytes()).unwrap_or_default())).collect()
    }

    fn found(&self) -> Result<Vec<LifecycleRule>> {
        let document = self.read()?;
        let concerns = document.rules.iter().filter(|found| found.rule.concerns(&self.begin));
        let mut told: Vec<_> = concerns.map(|found| self.told(&found.rule)).collect();
        // Servers have orders of their own.
        told.sort_by_key(|rule| (!rule.ours, rule.id.clone()));
        Ok(told)
    }

    fn set(&self) -> Result<()> {
        self.replace(self.ours())
    }

    fn clear(&self) -> Result<()> {
        self.replace(Vec::new())
    }
}

impl Rules<'_> {
    /// The names of our rules, in their order; those of another folder are other ones.
    fn ids(&self) -> [String; 2] {
        ["archives", "unfinished uploads"].map(|what| format!("cadangkan {what} in /{}", self.begin))
    }

    /// Our rules, as XML.
    fn ours(&self) -> Vec<String> {
        let [archives, unfinished] = self.ids().map(|id| escaped(&id).into_owned());
        let prefix = format!("<Prefix>{}</Prefix>", escaped(&self.begin));
        let enabled = "<Status>Enabled</Status>";
        let moves = self.moving.map(|Moving { class, days }| {
            let (name, value) = ARCHIVE_TAG;
            let class = escaped(class);
            format!(
                "<Rule><ID>{archives}</ID><Filter><And>{prefix}<Tag><Key>{name}</Key><Value>{value}</Value></Tag></And>\
                 </Filter>{enabled}<Transition><Days>{days}</Days><StorageClass>{class}</StorageClass></Transition></Rule>"
            )
        });
        let removes = format!(
            "<Rule><ID>{unfinished}</ID><Filter>{prefix}</Filter>{enabled}<AbortIncompleteMultipartUpload>\
             <DaysAfterInitiation>{UNFINISHED_DAYS}</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>"
        );
        moves.into_iter().chain([removes]).collect()
    }

    fn told(&self, rule: &Rule) -> LifecycleRule {
        let removes = rule.is_enabled() && rule.expiration.as_ref().is_some_and(Expiration::removes);
        LifecycleRule {
            id: rule.id.clone(),
            ours: self.ids().contains(&rule.id),
            does: rule.describe(),
            removes,
        }
    }

    fn read(&self) -> Result<Document> {
        let request =
            Request::new(http::Method::GET, "", "s3:GetLifecycleConfiguration").query("lifecycle", "");
        let answer = match self.client.send(&request, self.client.backoff()) {
            Err(failure) if failure.code == "NoSuchLifecycleConfiguration" => return Ok(Document::default()),
            answered => answered?,
        };
        let rules =
            split(&answer.body).ok_or_else(|| self.unclear("the bucket's rules cannot be understood"))?;
        Ok(Document { rules, least_size: answer.header(LEAST_SIZE).map(str::to_owned) })
    }

    /// Puts these in the place of our rules, and looks whether all are there then.
    fn replace(&self, ours: Vec<String>) -> Result<()> {
        let before = self.read()?;
        let ids = self.ids();
        let others = before.rules.iter().filter(|found| !ids.contains(&found.rule.id));
        let others: Vec<&str> = others.map(|found| found.text.as_str()).collect();
        let all: Vec<&str> = others.iter().copied().chain(ours.iter().map(String::as_str)).collect();
        let permission = "s3:PutLifecycleConfiguration";
        if all.is_empty() {
            let request = Request::new(http::Method::DELETE, "", permission).query("lifecycle", "");
            self.client.send(&request, self.client.backoff())?;
        } else {
            let body = format!("<LifecycleConfiguration>{}</LifecycleConfiguration>", all.concat());
            let mut request = Request::new(http::Method::PUT, "", permission)
                .query("lifecycle", "")
                .header("content-md5", md5(body.as_bytes()))
                .body(body.as_bytes());
            if let Some(least) = &before.least_size {
                request = request.header(LEAST_SIZE, least.as_str());
            }
            self.client.send(&request, self.client.backoff())?;
        }
        let found = self.read()?.rules;
        let (kept, set): (Vec<_>, Vec<_>) = found.iter().partition(|found| !ids.contains(&found.rule.id));
        if (kept.len(), set.len()) == (others.len(), ours.len()) {
            return Ok(());
        }
        Err(self.unclear("the server keeps other rules than it was sent"))
    }

    fn unclear(&self, message: &str) -> Error {
        Error::new(ErrorKind::Io, message)
            .context("bucket", self.client.bucket())
            .hint("look at the rules with the provider's own tools; nothing else was changed")
    }
}

impl Rule {
    fn is_enabled(&self) -> bool {
        self.status == "Enabled"
    }

    /// Whether it may concern keys that begin so.
    fn concerns(&self, begin: &str) -> bool {
        let within = |filter: &Filter| filter.prefix.clone().filter(|prefix| !prefix.is_empty());
        let of_and = || self.filter.and.as_deref().and_then(within);
        let prefix = self.prefix.clone().or_else(|| within(&self.filter)).or_else(of_and).unwrap_or_default();
        prefix.starts_with(begin) || begin.starts_with(prefix.as_str())
    }

    fn describe(&self) -> String {
        let mut does = Vec::new();
        for Transition { days, date, storage_class } in &self.transitions {
            does.push(format!("moves objects to {storage_class} {}", when(*days, date.as_deref())));
        }
        if let Some(Expiration { days, date }) =
            self.expiration.as_ref().filter(|expiration| expiration.removes())
        {
            does.push(format!("removes objects {}", when(*days, date.as_deref())));
        }
        if let Some(Noncurrent { noncurrent_days: Some(days) }) = self.noncurrent_version_expiration {
            does.push(format!("removes old versions after {days} days"));
        }
        if let Some(Unfinished { days_after_initiation: days }) = self.abort_incomplete_multipart_upload {
            does.push(format!("removes unfinished uploads after {days} days"));
        }
        let mut text = if does.is_empty() { "does something else".to_owned() } else { does.join(", ") };
        let tags = self.filter.and.as_deref().map_or(&self.filter.tags, |and| &and.tags);
        if !tags.is_empty() {
            let tags = tags.iter().map(|Tag { key, value }| format!("{key}={value}")).collect::<Vec<_>>();
            text.push_str(&format!(", where they are tagged {}", tags.join(" and ")));
        }
        if !self.is_enabled() {
            text.push_str(" (disabled)");
        }
        text
    }
}

impl Expiration {
    /// One that only removes marks of deleted objects has neither.
    fn removes(&self) -> bool {
        self.days.is_some() || self.date.is_some()
    }
}

fn when(days: Option<u32>, date: Option<&str>) -> String {
    match (days, date) {
        (Some(days), _) => format!("after {days} days"),
        (None, Some(date)) => format!("from {date} on"),
        (None, None) => "some day".to_owned(),
    }
}

fn escaped(text: &str) -> std::borrow::Cow<'_, str> {
    quick_xml::escape::escape(text)
}

/// Takes a document of rules apart; `None` when it is none.
fn split(body: &[u8]) -> Option<Vec<Found>> {
    let text = std::str::from_utf8(body).ok()?;
    let mut reader = Reader::from_str(text);
    let (mut rules, mut begin) = (Vec::new(), None);
    let mut is_whole = false;
    loop {
        let before = usize::try_from(reader.buffer_position()).ok()?;
        match reader.read_event().ok()? {
            Event::Start(start) if start.local_name().as_ref() == "Rule" => begin = begin.or(Some(before)),
            Event::End(end) if end.local_name().as_ref() == "Rule" => {
                let after = usize::try_from(reader.buffer_position()).ok()?;
                let text = text.get(begin.take()?..after)?.to_owned();
                let rule = parse(text.as_bytes()).ok()?;
                rules.push(Found { text, rule });
            }
            Event::End(end) => is_whole |= end.local_name().as_ref() == DOCUMENT,
            Event::Empty(start) => is_whole |= start.local_name().as_ref() == DOCUMENT,
            Event::Eof => return (is_whole && begin.is_none()).then_some(rules),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_taken_apart_as_they_came() {
        let rules = [
            "<Rule><ID>a</ID><Status>Enabled</Status><Filter><And><Prefix>x/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag>\
             <Tag><Key>l</Key><Value>w</Value></Tag></And></Filter><Unheard><Of>1</Of></Unheard>\
             <Expiration><Days>30</Days></Expiration></Rule>",
            "<Rule>\n <ID>b &amp; c</ID> <Prefix/><Status>Disabled</Status><!-- why -->\
             <Transition><Date>2027-01-01T00:00:00Z</Date><StorageClass>GLACIER</StorageClass></Transition></Rule>",
        ];
        let body = format!(
            "<?xml version=\"1.0\"?>\n<LifecycleConfiguration xmlns=\"u\">{}</LifecycleConfiguration>",
            rules.join("\n")
        );
        let found = split(body.as_bytes()).unwrap();
        assert!(found.iter().map(|found| found.text.as_str()).eq(rules));
        assert_eq!(
            found[0].rule.describe(),
            "removes objects after 30 days, where they are tagged k=v and l=w"
        );
        assert_eq!((found[1].rule.id.as_str(), found[1].rule.is_enabled()), ("b & c", false));
        assert_eq!(
            found[1].rule.describe(),
            "moves objects to GLACIER from 2027-01-01T00:00:00Z on (disabled)"
        );
        assert!(
            found[0].rule.concerns("x/y/") && found[0].rule.concerns("") && !found[0].rule.concerns("y/")
        );
        assert!(found[1].rule.concerns("anything/"));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in [
            "",
            "no",
            "<Error/>",
            "<LifecycleConfiguration><Rule>",
            "<LifecycleConfiguration></Rule>",
            "\u{0}<",
        ] {
            assert!(split(text.as_bytes()).is_none(), "{text}");
        }
        assert!(split(&[0xff, 0xfe]).is_none());
        assert!(split(b"<LifecycleConfiguration/>").unwrap().is_empty());
    }
}
