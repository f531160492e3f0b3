use cadangkan_core::{Error, ErrorKind, Result};
use minijinja::value::Value as Worth;
use minijinja::{Environment, Output, State, UndefinedBehavior};
use serde_json::{Map, Value, json};

use crate::message::{LONGEST_FACT, Purpose};
use crate::text::cut;
use crate::{Event, EventKind, Message};

/// The name under which the only template is kept.
const NAME: &str = "message";
/// How many steps a template may take, so that none runs for ever.
const STEPS: u64 = 100_000;

/// A message in somebody's own words, in the language of Jinja: `{{ database }}: {{ error.message }}`.
///
/// What stands in `{{ }}` is made harmless for the channel; the rest is taken as it is.
pub(crate) struct Template(Environment<'static>);

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Template")
    }
}

impl Template {
    /// Reads a template of a text; `escape` makes a value harmless. A name that does not exist is a mistake, and told
    /// here.
    pub(crate) fn of_text(source: &str, escape: fn(&str) -> String) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_formatter(move |out: &mut Output<'_>, _: &State<'_, '_>, value: &Worth| {
            let text =
                if value.is_none() || value.is_undefined() { String::new() } else { value.to_string() };
            Ok(out.write_str(&escape(&cut(&text, LONGEST_FACT)))?)
        });
        Template::of(environment, source)
    }

    /// Reads a template of JSON, where each value is written as JSON: `{"text": {{ text }}}`.
    pub(crate) fn of_json(source: &str) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_formatter(|out: &mut Output<'_>, _: &State<'_, '_>, value: &Worth| {
            let text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
            Ok(out.write_str(&text)?)
        });
        let template = Template::of(environment, source)?;
        let sample = template.render(&sample()).map_err(|error| error.to_string())?;
        serde_json::from_str::<Value>(&sample).map_err(
            |_| "what comes of it is not JSON: values stand without quotes, `{\"text\": {{ text }}}`",
        )?;
        Ok(template)
    }

    fn of(mut environment: Environment<'static>, source: &str) -> Result<Self, String> {
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(STEPS));
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|error| error.detail().unwrap_or("it cannot be read").to_owned())?;
        let known = values(&sample());
        let template = Template(environment);
        let named =
            template.0.get_template(NAME).map(|found| found.undeclared_variables(false)).unwrap_or_default();
        let is_known =
            |name: &str| known.get(name).is_some() || template.0.globals().any(|(global, _)| global == name);
        if let Some(name) = named.iter().find(|name| !is_known(name)) {
            return Err(format!("there is no `{}`", cut(name, 64)));
        }
        template.render(&sample()).map_err(|error| error.message().to_owned())?;
        Ok(template)
    }

    /// Says a message in these words.
    pub(crate) fn render(&self, message: &Message) -> Result<String> {
        let failed = |error: minijinja::Error| {
            let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            Error::new(ErrorKind::Configuration, format!("the template does not work: {why}"))
                .hint("docs/notifications.md has the names that can stand in it")
        };
        let template = self.0.get_template(NAME).map_err(failed)?;
        template.render(Worth::from_serialize(values(message))).map_err(failed)
    }
}

/// What can stand in a template. Every name is there for every event; what is not known is nothing.
pub(crate) fn values(message: &Message) -> Value {
    let events: Vec<Value> = message.events.iter().map(of_event).collect();
    let mut values = message.events.first().map_or_else(|| of_event(&nothing(message)), of_event);
    if let Value::Object(map) = &mut values {
        let event = match (message.purpose, message.events.as_slice()) {
            (Purpose::Test, _) => "test",
            (Purpose::Digest, _) => "digest",
            (Purpose::Events, [event]) => event.kind.as_str(),
            (Purpose::Events, _) => "several",
        };
        map.insert("event".to_owned(), json!(event));
        map.insert("title".to_owned(), json!(message.title()));
        map.insert("text".to_owned(), json!(message.plain()));
        map.insert("is_trouble".to_owned(), json!(message.is_trouble()));
        map.insert("events".to_owned(), json!(events));
    }
    values
}

pub(crate) fn of_event(event: &Event) -> Value {
    let error = event.error.as_ref();
    let mut map = Map::new();
    let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
    put("event", json!(event.kind));
    put("at", json!(event.at));
    put("database", json!(event.database));
    put("run", json!(event.run));
    put("trigger", json!(event.trigger));
    put("begun_at", json!(event.begun_at));
    put("seconds", json!(event.seconds()));
    put("storages", json!(event.storages));
    put("backup_id", json!(event.backup_id));
    put("size_bytes", json!(event.size_bytes));
    put(
        "error",
        json!({
            "code": error.map(|error| &error.code),
            "message": error.map(|error| &error.message),
            "hint": error.and_then(|error| error.hint.as_ref()),
        }),
    );
    put("detail", json!(event.detail));
    put("failures", json!(event.failures));
    put("host", json!(event.host));
    put("version", json!(event.version));
    Value::Object(map)
}

fn nothing(message: &Message) -> Event {
    Event::new(EventKind::Success, message.at, &message.host, env!("CARGO_PKG_VERSION"))
}

/// A message that a template is tried with while somebody reads.
fn sample() -> Message {
    let at = cadangkan_core::Timestamp::UNIX_EPOCH;
    let mut event = Event::new(EventKind::Failure, at, "host", "0");
    event.database = Some("shop".to_owned());
    Message { purpose: Purpose::Events, events: vec![event], at, host: "host".to_owned() }
}
