//! `photolog-bindgen MODULE OUT_DIR`: writes a module's glue as `module.js` and
//! `module_bg.wasm`. Same input, same output.

use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [module, out_dir] = arguments.as_slice() else {
        eprintln!("usage: photolog-bindgen MODULE OUT_DIR");
        return ExitCode::FAILURE;
    };
    let mut bindgen = Bindgen::new();
    let outcome = bindgen
        .input_path(module)
        .out_name("module")
        .typescript(false)
        .reset_state_function(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .web(true)
        .and_then(|bindgen| bindgen.generate(out_dir));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem:#}");
            ExitCode::FAILURE
        }
    }
}
