//! `raccord connector read`.

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use raccord_connect::manifest::{HttpTransport, Limits, Task, Tell, read as read_stream, violations};
use raccord_manifest::error::ReadError;
use raccord_model::duration::Seconds;
use raccord_model::port::environment::Environment as _;
use serde_json::Value;

use super::files;
use crate::error::CommandError;
use crate::options::Global;
use crate::session::{system, write_file};
use crate::style::YELLOW;
use crate::ui::Ui;

/// Print the records of a data type of a manifest as JSON Lines; store nothing
///
/// With `--state FILE` the reading goes on from the state in that JSON file, as `--state-out` writes it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  raccord connector read connectors/shop.yaml customers --config shop.json --limit 5\n  \
        raccord connector read stripe customers --config stripe.json --trace"
)]
pub(crate) struct ReadArgs {
    /// The manifest: a file, or its name in the catalogue
    file: PathBuf,
    /// Which data type
    data_type: String,
    /// A JSON file with the values of the settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the state from which another reading goes on to this file
    #[arg(long, value_name = "FILE")]
    state_out: Option<PathBuf>,
    /// At most so many records
    #[arg(long)]
    limit: Option<u64>,
    /// Take an answer that has nothing where the records should be for one without records
    #[arg(long)]
    missing_empty: bool,
    /// Wait no longer for all of them
    #[arg(long, value_name = "TIME", default_value = "10m")]
    timeout: Seconds,
    /// Tell each request and answer on standard error, secrets masked
    #[arg(long)]
    trace: bool,
}

/// Why a reading ended early.
enum Stop {
    /// There were as many records as were wanted.
    Enough,
    Failed(ReadError),
    Output(io::Error),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Failed(error)
    }
}

pub(crate) fn read(ui: &Ui, global: &Global, args: &ReadArgs) -> Result<(), CommandError> {
    let manifest = files::text(&args.file)?;
    let config = args.config.as_deref().map(json).transpose()?;
    let state = global.named_state.as_deref().map(json).transpose()?;
    let system = system()?;
    let (seed, _) = system.new_id().as_u64_pair();
    let transport = HttpTransport::new(Arc::new(move || system.now()), seed, Limits::default());
    let transport = Arc::new(transport.map_err(|error| CommandError::of(&error))?);
    let shown = *ui;
    let tell: Option<Tell> = args.trace.then(|| -> Tell { Arc::new(move |line: &str| shown.note(line)) });
    let config = config.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    for found in violations(&manifest, config.clone()).map_err(|error| CommandError::of(&error))? {
        ui.note(&format!("{YELLOW}warning{YELLOW:#}: `{}` of the config: {}", found.path, found.message));
    }
    let (stream, may_be_missing) = (args.data_type.as_str(), args.missing_empty);
    let task = Task { manifest: &manifest, config, stream, state, may_be_missing, trace: tell };
    let mut output = BufWriter::new(io::stdout().lock());
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut count = 0;
    let each = |record: Bytes| {
        count += 1;
        left = left.checked_sub(1).ok_or(Stop::Enough)?;
        output.write_all(&record).and_then(|()| output.write_all(b"\n")).map_err(Stop::Output)?;
        if left == 0 { Err(Stop::Enough) } else { Ok(()) }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let reading = read_stream(task, transport, each);
    let read = runtime.block_on(async { tokio::time::timeout(args.timeout.duration(), reading).await });
    let Ok(read) = read else {
        output.flush()?;
        return Err(exceeded(args, count));
    };
    let state = match read {
        Ok(state) => state,
        Err(Stop::Enough) => None,
        Err(Stop::Failed(error)) => {
            output.flush()?;
            return Err(CommandError::of(&error));
        }
        Err(Stop::Output(error)) => return Err(error.into()),
    };
    output.flush()?;
    match (&args.state_out, state) {
        (Some(path), Some(state)) => write_file(path, state.to_string().as_bytes()),
        _ => Ok(()),
    }
}

/// The error of a reading that took too long.
fn exceeded(args: &ReadArgs, count: u64) -> CommandError {
    let (name, timeout) = (&args.data_type, args.timeout);
    let message = match count {
        0 => format!("no record of `{name}` came within {timeout}"),
        count => {
            format!("the reading of `{name}` was not at its end after {timeout}; {count} of its records came")
        }
    };
    CommandError::new(message)
        .hint("--timeout waits longer, --limit wants fewer records, and --trace tells what is waited for")
}

fn json(path: &Path) -> Result<Value, CommandError> {
    serde_json::from_str(&files::text(path)?).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        CommandError::new(format!("{} is not JSON, at {place}", path.display()))
    })
}
