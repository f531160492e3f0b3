use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cadangkan_archive::{DataKey, Identities, Wrap, WrapKind};
use cadangkan_core::{ErrorKind, Name, Result, ResultExt};
use cadangkan_ops::encrypt::Keys;
use zeroize::Zeroizing;

use super::recipients::wrong;
use super::settings::{FIELDS, read};
use crate::app::Session;
use crate::environment::environment;
use crate::secrets::{Keyring, Owner, PASSPHRASE_VARIABLE, read_file};
use crate::ui::Style;
use crate::ui::prompt::{Answers, Prompter};

/// How often a passphrase may be mistyped.
const TRIES: usize = 3;

/// Has the secrets that the command line, the environment and a person gave.
pub(crate) struct KeyHolder {
    lent: Mutex<Identities>,
    /// What is configured, fetched once for each database.
    configured: Mutex<BTreeMap<Name, Arc<Identities>>>,
    /// How a person is asked, where one can be.
    asks: Option<Style>,
}

impl KeyHolder {
    /// Begins with what the environment has; `asks` where somebody can answer.
    pub(crate) fn new(asks: Option<Style>) -> Self {
        let mut lent = Identities::default();
        if let Some(passphrase) = environment(PASSPHRASE_VARIABLE).filter(|text| !text.is_empty()) {
            lent.add_passphrase(Zeroizing::new(passphrase));
        }
        KeyHolder { lent: Mutex::new(lent), configured: Mutex::default(), asks }
    }

    /// Adds the passphrase in a file.
    pub(super) fn lend_passphrase_of(&self, path: &Path) -> Result<()> {
        let passphrase = Zeroizing::new(read_file(path)?);
        self.with(|lent| lent.add_passphrase(passphrase));
        Ok(())
    }

    /// Adds the keys in a file.
    pub(super) fn lend_file(&self, path: &Path) -> Result<()> {
        let text = Zeroizing::new(read_file(path)?);
        self.with(|lent| lent.add_file(&text)).context("path", path.display())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Identities) -> T) -> T {
        work(&mut self.lent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn configured(&self, name: &Name, fetch: impl FnOnce() -> Result<Identities>) -> Result<Arc<Identities>> {
        let mut known = self.configured.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(identities) = known.get(name) {
            return Ok(Arc::clone(identities));
        }
        let fetched = Arc::new(fetch()?);
        known.insert(name.clone(), Arc::clone(&fetched));
        Ok(fetched)
    }

    /// Asks for a passphrase; the one that was right is kept for what comes next.
    fn ask(&self, style: Style, wraps: &[Wrap]) -> Result<DataKey> {
        let mut tries = 1;
        loop {
            let stdin = std::io::stdin();
            let (mut input, mut output) = (stdin.lock(), std::io::stderr().lock());
            let answers = Answers::Terminal(stdin.as_fd());
            let mut prompter = Prompter::new(&mut input, &mut output, answers, style);
            let passphrase = Zeroizing::new(prompter.ask_hidden("The passphrase of this backup")?);
            let mut tried = Identities::default();
            tried.add_passphrase(passphrase.clone());
            match tried.unwrap(wraps) {
                Err(error) if error.kind() == ErrorKind::WrongKey && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
                Ok(data_key) => {
                    self.with(|lent| lent.add_passphrase(passphrase));
                    return Ok(data_key);
                }
            }
        }
    }
}

/// First what was given for this once, then what is configured, then a person.
impl Keys for Session {
    fn unlock(&self, database: Option<&Name>, wraps: &[Wrap]) -> Result<DataKey> {
        let error = match self.keys.with(|lent| lent.unwrap(wraps)) {
            Err(error) if error.kind() == ErrorKind::WrongKey => error,
            opened => return opened,
        };
        let mut error = error;
        // Whose a file alone is, nobody knows.
        let all = self.inventory.databases().iter().map(|entry| &entry.name);
        let names: Vec<_> = database.map_or_else(|| all.collect(), |name| vec![name]);
        for name in names {
            let configured = self.keys.configured(name, || configured(self, name))?;
            match configured.unwrap(wraps) {
                Err(_) if configured.is_empty() => {}
                Err(second) if second.kind() == ErrorKind::WrongKey => error = second,
                opened => return opened,
            }
        }
        let has_passphrase = wraps.iter().any(|wrap| matches!(wrap.kind, WrapKind::Passphrase { .. }));
        match self.keys.asks.filter(|_| has_passphrase) {
            Some(style) => self.keys.ask(style, wraps),
            None => Err(error.hint(format!(
                "give what opens it with --passphrase-file or --key-file, or the passphrase in {PASSPHRASE_VARIABLE}"
            ))),
        }
    }
}

/// The secrets that are configured for a database, and as the default.
fn configured(session: &Session, name: &Name) -> Result<Identities> {
    let mut identities = Identities::default();
    let own = session.inventory.database(name.as_str()).ok();
    let own = own.and_then(|entry| entry.options.encryption.as_ref());
    let keyring = Keyring::of(session.home());
    for settings in own.into_iter().chain(&session.inventory.defaults().encryption.value) {
        let raw = read(&keyring.open(Owner::database(name), FIELDS, &settings.0)?).map_err(wrong)?;
        if let Some(passphrase) = raw.passphrase {
            identities.add_passphrase(Zeroizing::new(passphrase));
        }
        for path in raw.key_file.iter().chain(&raw.identity_file) {
            let path = Path::new(path);
            identities.add_file(&Zeroizing::new(read_file(path)?)).context("path", path.display())?;
        }
    }
    Ok(identities)
}
