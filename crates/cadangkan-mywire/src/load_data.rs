use cadangkan_core::{Control, Error, ErrorKind, Result};

use crate::Connection;
use crate::answers::Step;
use crate::connection::Found;
use crate::explain::explain;

/// The size of a packet; far below every server's `max_allowed_packet`.
const PIECE: usize = 64 << 10;

impl Connection {
    /// Runs a `LOAD DATA LOCAL INFILE`, whose file is what `next` gives. The file's name in the statement does not
    /// matter. Returns the number of rows that were taken.
    ///
    /// `next` is given an empty buffer, puts bytes there, and says whether there are more to come; bytes that come
    /// with the last answer are sent too.
    ///
    /// # Errors
    /// An error of `next`, or a request to stop, ends the statement without its rows; the connection is closed then,
    /// as the protocol has no other way.
    pub fn load_data(
        &mut self,
        sql: &str,
        control: &Control<'_>,
        mut next: impl FnMut(&mut Vec<u8>) -> Result<bool>,
    ) -> Result<u64> {
        self.begin("LOAD DATA", sql.as_bytes(), control)?;
        self.await_file(control)?;
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            let more = control.check().and_then(|()| next(&mut buffer));
            let more = more.map_err(|error| self.abandon(error))?;
            for piece in buffer.chunks(PIECE) {
                self.channel.send(&[], piece, control).map_err(|error| self.abandon(error))?;
            }
            if !more {
                break;
            }
        }
        self.channel.send(&[], &[], control).map_err(|error| self.abandon(error))?;
        let mut taken = 0;
        self.until_over(control, |found| {
            if let Found::Changed(number) = found {
                taken += number;
            }
            Ok(())
        })?;
        Ok(taken)
    }

    /// Waits until the server asks for the file.
    fn await_file(&mut self, control: &Control<'_>) -> Result<()> {
        let step = match self.channel.receive(control) {
            Ok(packet) => self.answers.take(packet),
            Err(error) => return Err(self.stop(error, control)),
        };
        let no_load = || Error::new(ErrorKind::Usage, "the statement is no LOAD DATA LOCAL INFILE");
        match step {
            Ok(Step::File) => Ok(()),
            Ok(Step::Failed(error)) => Err(explain(error)),
            Ok(_) => Err(self.stop(no_load(), control)),
            Err(what) => Err(self.break_off(what)),
        }
    }

    /// Ends a LOAD DATA whose file will not come whole: an end by the protocol would keep the rows that came, so the
    /// connection goes, and the server takes them back.
    fn abandon(&mut self, reason: Error) -> Error {
        self.channel.shut();
        reason
    }
}
