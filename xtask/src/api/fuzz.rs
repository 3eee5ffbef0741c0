//! schemathesis over the document, from PyPI into an environment of its own: it makes calls of the schemas, and looks for
//! failures and for answers that the document does not have.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::ask::Tally;
use super::place::Place;
use crate::process;

/// The version that is known to understand the document.
const PACKAGE: &str = "schemathesis==4.32.5";
/// Examples of each call.
const EXAMPLES: &str = "25";

/// Installs it if it is not there, and runs it.
pub fn run(place: &Place, tally: &mut Tally) -> Result<()> {
    let venv = process::target_dir().join("schemathesis");
    let program = venv.join("bin/schemathesis");
    if !program.exists() {
        process::run_ok(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        process::run_ok(Command::new(venv.join("bin/pip")).args(["install", "--quiet", PACKAGE]))?;
    }
    let mut command = Command::new(&program);
    command.arg("run").arg(format!("http://{}/openapi.json", place.api));
    command.args(["--header", &format!("Authorization: Bearer {}", place.key("all"))]);
    command.args(["--max-examples", EXAMPLES, "--phases", "examples,coverage,fuzzing"]);
    command.args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"]);
    let status = process::run(&mut command).context("could not run schemathesis")?;
    let judge = || {
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    };
    tally.count("schemathesis", judge());
    Ok(())
}
