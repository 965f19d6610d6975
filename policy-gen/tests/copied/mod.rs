//! Copies of programs for tests that run them.

use std::path::Path;
use std::process::Command;

/// Copies a program with cp(1). A copy made in this process is open for writing for a moment. A child that another test starts in that
/// moment inherits the descriptor, and then the kernel refuses to run the copy (ETXTBSY).
pub fn copy(program: &str, to: &Path) {
    let copied = Command::new("cp").args(["--", program]).arg(to).status().unwrap();
    assert!(copied.success(), "cp {program} {}", to.display());
}
