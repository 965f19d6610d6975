//! `polkit-completions FOLDER`: writes the shell completions of both programs, and the manual page of the mechanisms, into a folder.
#![forbid(unsafe_code)]

use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("polkit-completions: usage: polkit-completions FOLDER");
        return 2.into();
    };
    match polkit_completions::write(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("polkit-completions: cannot write to {}: {error}", Path::new(&folder).display());
            ExitCode::FAILURE
        }
    }
}
