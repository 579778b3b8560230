//! Install what tests and benchmarks need beside Rust. Every part first checks whether its work is
//! done, so a second run takes no time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::step::{Steps, output_of, run, run_within};
use crate::workspace::{python_environment, root, runtimes_folder};

/// A program and the Debian package that contains it.
pub(crate) struct Program {
    name: &'static str,
    package: &'static str,
}

/// The programs with which `cargo xtask bench` compares.
pub(crate) const BENCHMARK_PROGRAMS: &[Program] = &[
    Program {
        name: "wrk",
        package: "wrk",
    },
    Program {
        name: "nginx",
        package: "nginx-light",
    },
];

/// The checker of `docker-compose.yml`; it needs no engine for that.
const COMPOSE: &[Program] = &[Program {
    name: "docker-compose",
    package: "docker-compose",
}];

/// The browser of the stories about the edge.
const BROWSER: &[Program] = &[
    Program {
        name: "chromium",
        package: "chromium",
    },
    Program {
        name: "chromedriver",
        package: "chromium-driver",
    },
];

/// The pinned Python packages: the vendors' SDKs, and servers and cargo's checkers as prebuilt
/// binaries.
const REQUIREMENTS: &[&str] = &[
    "tests/sdk/requirements.txt",
    "tests/support/requirements.txt",
    "xtask/requirements.txt",
];

/// Where Debian installs PostgreSQL's server, which is not on the search path.
const POSTGRES: &str = "/usr/lib/postgresql";

const WASM_TARGET: &str = "wasm32-unknown-unknown";
const WASM_LIMIT: Duration = Duration::from_secs(120);
const NPM_LIMIT: Duration = Duration::from_secs(300);

/// `cargo xtask setup`
pub(crate) fn everything() -> Result<()> {
    let mut steps = Steps::default();
    steps.take("programs for the benchmarks", || {
        programs(BENCHMARK_PROGRAMS)
    })?;
    steps.take("what the tests need", for_tests)?;
    steps.summarize();
    Ok(())
}

/// Everything that `cargo xtask test` needs.
pub(crate) fn for_tests() -> Result<()> {
    python()?;
    if !on_search_path("postgres") && !Path::new(POSTGRES).exists() {
        println!("PostgreSQL is missing, installing postgresql");
        install(&["postgresql"])?;
    }
    programs(COMPOSE)?;
    wasm_target()?;
    runtimes()?;
    programs(BROWSER)
}

/// Install the programs that are not on the search path.
pub(crate) fn programs(wanted: &[Program]) -> Result<()> {
    let missing: Vec<_> = wanted
        .iter()
        .filter(|program| !on_search_path(program.name))
        .collect();
    for program in &missing {
        println!(
            "{} is missing, installing {}",
            program.name, program.package
        );
    }
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().map(|program| program.package).collect();
    install(&packages)
}

fn install(packages: &[&str]) -> Result<()> {
    let by_hand = format!("please install by hand: {}", packages.join(" "));
    if !on_search_path("apt-get") {
        bail!("there is no apt-get here; {by_hand}");
    }
    run(&mut apt_get(&["update", "-qq"])).with_context(|| by_hand.clone())?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(packages);
    run(&mut apt_get(&arguments)).context(by_hand)
}

/// apt-get as root, by `sudo` without a password prompt for other users.
pub(crate) fn apt_get(arguments: &[&str]) -> Command {
    let is_root = output_of(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0");
    let mut command = if is_root {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "apt-get"]);
        sudo
    };
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// A Python environment of our own that holds exactly the pinned requirements.
fn python() -> Result<()> {
    let environment = python_environment();
    let stamp = environment.join("installed-requirements");
    let wanted = REQUIREMENTS
        .iter()
        .map(|file| fs::read_to_string(root().join(file)).with_context(|| (*file).to_owned()))
        .collect::<Result<String>>()?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    create_environment(&environment)?;
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]);
    for file in REQUIREMENTS {
        pip.arg("--requirement").arg(root().join(file));
    }
    run(&mut pip)?;
    fs::write(stamp, wanted)?;
    Ok(())
}

/// An empty Python environment.
pub(crate) fn create_environment(environment: &Path) -> Result<()> {
    let make = || {
        let mut python = Command::new("python3");
        python.args(["-m", "venv", "--clear"]).arg(environment);
        python
    };
    if run(&mut make()).is_ok() {
        return Ok(());
    }
    println!("python3 cannot make an environment, installing python3-venv");
    install(&["python3-venv"])?;
    run(&mut make())
}

/// The compile target of the edge.
pub(crate) fn wasm_target() -> Result<()> {
    let installed = output_of(Command::new("rustup").args(["target", "list", "--installed"]));
    if installed.is_some_and(|list| list.lines().any(|line| line == WASM_TARGET)) {
        return Ok(());
    }
    let mut add = Command::new("rustup");
    add.args(["target", "add", WASM_TARGET]);
    run_within(WASM_LIMIT, &mut add)
}

/// The edge's runtime and the worker's type checker, exactly as in the lock file.
pub(crate) fn runtimes() -> Result<()> {
    let folder = runtimes_folder();
    let stamp = folder.join("installed-lock");
    let sources = root().join("xtask/node");
    let wanted = fs::read_to_string(sources.join("package-lock.json")).context("xtask/node")?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if !on_search_path("npm") {
        install(&["npm"])?;
    }
    fs::create_dir_all(&folder)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(sources.join(file), folder.join(file)).context(file)?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run_within(NPM_LIMIT, npm.current_dir(&folder))?;
    fs::write(stamp, wanted)?;
    Ok(())
}

fn on_search_path(program: &str) -> bool {
    // nginx is installed in /usr/sbin, which is not on every user's path.
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .any(|folder| folder.join(program).is_file())
}
