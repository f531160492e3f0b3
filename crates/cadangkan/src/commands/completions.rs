use cadangkan_core::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::app::App;
use crate::cli::Cli;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan completions bash > ~/.local/share/bash-completion/completions/cadangkan\n  cadangkan completions fish > ~/.config/fish/completions/cadangkan.fish"
)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completions for a shell.
pub(crate) fn run(app: &App, args: &CompletionsArgs) -> Result<()> {
    // Written whole at once, so that a closed pipe is an error and not a panic inside the generator.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cadangkan", &mut script);
    app.print_text(&String::from_utf8_lossy(&script))
}
