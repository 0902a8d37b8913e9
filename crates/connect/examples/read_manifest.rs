//! Reads a stream of a manifest and prints its records, one JSON text a line:
//! `read_manifest MANIFEST STREAM --config FILE`. `RACCORD_NOW` freezes the clock.

use std::error::Error;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use raccord_connect::Now;
use raccord_connect::manifest::{HttpTransport, Limits, Task, read};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [manifest, stream, _, config] = arguments.as_slice() else {
        return Err("usage: read_manifest MANIFEST STREAM --config FILE".into());
    };
    let frozen = std::env::var("RACCORD_NOW").ok().map(|text| text.parse::<jiff::Timestamp>()).transpose()?;
    let now: Now = Arc::new(move || frozen.unwrap_or_else(jiff::Timestamp::now));
    let transport = Arc::new(HttpTransport::new(now, 0, Limits::default())?);
    let text = std::fs::read_to_string(manifest)?;
    let config = serde_json::from_str(&std::fs::read_to_string(config)?)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let task = Task { manifest: &text, config, stream, state: None };
    read::<Box<dyn Error>>(task, transport, |record| {
        out.write_all(&record)?;
        out.write_all(b"\n")?;
        Ok(())
    })
    .await?;
    out.flush()?;
    Ok(())
}
