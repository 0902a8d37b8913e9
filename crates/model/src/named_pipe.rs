//! Tells files from named pipes, which are opened by the readers of secrets and of the configuration. It opens nothing.

use std::fs::FileType;
use std::path::Path;

/// Whether opening what stands at a path may wait for ever. What a shell hands over, such as `<(kustomize build)`, has a writer.
pub fn is_named_pipe(path: &Path, kind: FileType) -> bool {
    #[cfg(unix)]
    let is_pipe = std::os::unix::fs::FileTypeExt::is_fifo(&kind);
    #[cfg(not(unix))]
    let is_pipe = false;
    is_pipe && !path.starts_with("/dev/fd") && !path.starts_with("/dev/stdin") && !path.starts_with("/proc")
}
