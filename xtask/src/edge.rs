//! `cargo xtask edge`: the deployable worker in `target/edge/`, the same bytes from the same
//! source: the module, its glue, the worker's own files, and settings for workerd and wrangler.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::setup;
use crate::step::{Steps, run};
use crate::workspace::{cargo, root, target};

const TRIPLE: &str = "wasm32-unknown-unknown";
/// The most memory of an instance: half of what hosters give an isolate.
const MEMORY_LIMIT: u32 = 64 << 20;
/// The most bytes of the compressed module: hosters limit it, and it determines cold starts.
const COMPRESSED_LIMIT: usize = 900_000;

/// `cargo xtask edge`
pub(crate) fn build() -> Result<()> {
    let mut steps = Steps::default();
    steps.take("compile target", setup::wasm_target)?;
    build_within(&mut steps)?;
    steps.summarize();
    println!("\n{} is ready", Build::here().folder().display());
    Ok(())
}

/// Build the worker's folder as steps of a longer task, which has installed the compile target.
pub(crate) fn build_within(steps: &mut Steps) -> Result<()> {
    let build = Build::here();
    steps.take("edge: module", || build.module())?;
    steps.take("edge: worker", || build.worker())
}

/// The folder of the deployable worker.
pub(crate) fn folder() -> PathBuf {
    Build::here().folder()
}

/// Build it here and in a copy of the source elsewhere: the same source gives the same worker. Both
/// at once, because each spends most of its time in the linker, on one processor.
pub(crate) fn build_twice() -> Result<()> {
    let (here, elsewhere) = (Build::here(), Build::elsewhere()?);
    thread::scope(|scope| {
        let second = scope.spawn(|| elsewhere.module());
        here.module()?;
        second
            .join()
            .unwrap_or_else(|_| bail!("the second build panicked"))
    })?;
    here.worker()?;
    elsewhere.worker()?;
    let (ours, theirs) = (files(&here.folder())?, files(&elsewhere.folder())?);
    ensure!(ours.len() == theirs.len(), "the worker has other files");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        ensure!(
            ours.file_name() == theirs.file_name(),
            "the worker has other files"
        );
        let same = fs::read(ours)? == fs::read(theirs)?;
        ensure!(same, "{} differs from {}", ours.display(), theirs.display());
    }
    Ok(())
}

/// One build of the worker.
struct Build {
    source: PathBuf,
    target: PathBuf,
}

impl Build {
    fn here() -> Self {
        Self {
            source: root(),
            target: target(),
        }
    }

    /// A copy of the source, to be built separately.
    fn elsewhere() -> Result<Self> {
        let place = target().join("elsewhere");
        let source = place.join("source");
        if source.exists() {
            fs::remove_dir_all(&source).with_context(|| source.display().to_string())?;
        }
        copy_source(&root(), &source)?;
        Ok(Self {
            source,
            target: place.join("target"),
        })
    }

    fn folder(&self) -> PathBuf {
        self.target.join("edge")
    }

    fn module(&self) -> Result<()> {
        let mut command = cargo(&[
            "build",
            "--release",
            "--locked",
            "--package",
            "photolog-edge-wasm",
            "--lib",
            "--target",
            TRIPLE,
        ]);
        command.current_dir(&self.source);
        // This variable would replace the one below.
        command.env_remove("RUSTFLAGS");
        command.env_remove("CARGO_ENCODED_RUSTFLAGS");
        command.env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
            self.flags(),
        );
        command.env("CARGO_TARGET_DIR", &self.target);
        command.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
        command.env("CARGO_PROFILE_RELEASE_LTO", "fat");
        command.env("CARGO_PROFILE_RELEASE_PANIC", "abort");
        run(&mut command)
    }

    /// SIMD, the memory limit, and no trace of the path of the source.
    fn flags(&self) -> String {
        let cargo_home = std::env::var_os("CARGO_HOME").map_or_else(
            || std::env::home_dir().unwrap_or_default().join(".cargo"),
            PathBuf::from,
        );
        format!(
            "-C target-feature=+simd128 -C link-arg=--max-memory={MEMORY_LIMIT} \
             --remap-path-prefix={}=/photolog --remap-path-prefix={}=/cargo",
            self.source.display(),
            cargo_home.display()
        )
    }

    /// Everything that is deployed, in a fresh folder.
    fn worker(&self) -> Result<()> {
        let folder = self.folder();
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        self.glue()?;
        within_limit(&folder.join("module_bg.wasm"))?;
        for file in files(&self.source.join("edge-wasm/worker"))? {
            let name = file.file_name().context("a file has a name")?;
            fs::copy(&file, folder.join(name)).with_context(|| file.display().to_string())?;
        }
        Ok(())
    }

    /// The program that makes the glue is a workspace of its own, so that no other build waits for
    /// it. It runs for a second, so it is not optimised.
    fn glue(&self) -> Result<()> {
        let module = Path::new(TRIPLE).join("release/photolog_edge_wasm.wasm");
        let mut command = cargo(&["run", "--locked", "--quiet", "--manifest-path"]);
        command.arg(root().join("xtask/bindgen/Cargo.toml"));
        command
            .arg("--target-dir")
            .arg(target().join("tools/bindgen"));
        command
            .arg("--")
            .arg(self.target.join(module))
            .arg(self.folder());
        run(&mut command)
    }
}

fn within_limit(module: &Path) -> Result<()> {
    let bytes = fs::read(module).with_context(|| module.display().to_string())?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut encoder, &bytes)?;
    let compressed = encoder.finish()?.len();
    println!(
        "the module has {} bytes, compressed {compressed}",
        bytes.len()
    );
    ensure!(
        compressed <= COMPRESSED_LIMIT,
        "the module has more than {COMPRESSED_LIMIT} bytes when compressed"
    );
    Ok(())
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Copies the workspace without the files that cargo, npm or Photolog itself made.
fn copy_source(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for path in files(from)? {
        let name = path.file_name().context("a file has a name")?;
        if path.is_file() {
            fs::copy(&path, to.join(name)).with_context(|| path.display().to_string())?;
        } else if path != target()
            && ![".git", "node_modules", "photolog-data", "target"]
                .iter()
                .any(|left| name == *left)
        {
            copy_source(&path, &to.join(name))?;
        }
    }
    Ok(())
}
