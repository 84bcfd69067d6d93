"""loopbench recipes: what models are trained by."""

from typing import Annotated

import typer

from loopbench.cli.output import print_table

app = typer.Typer(help="The recipes: every setting of a training run, and what it means.")


@app.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_recipes()


@app.command("list")
def list_recipes() -> None:
    """Every recipe that comes with loopbench."""
    from loopbench.training.recipe import load_recipe, shipped_recipes

    recipes = [(path.stem, load_recipe(path, [])) for path in shipped_recipes()]
    print_table(
        ("recipe", "task", "architecture", "objective", "length"),
        [
            (
                name,
                r.task,
                r.architecture,
                r.objective.name,
                f"{r.steps} steps" if r.steps else f"{r.budget_minutes} min",
            )
            for name, r in recipes
        ],
    )


@app.command("show")
def show_recipe(
    recipe: Annotated[str, typer.Argument(help="A name, as `list` prints it, or a file (./mine.yaml).")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change it first: architecture=loop.")
    ] = None,
) -> None:
    """One recipe with all its settings, those of its task, architecture and objective too, and what each means.

    It is printed as a recipe file: send it to a file to begin one of your own.
    """
    from loopbench.training.explain import explain
    from loopbench.training.recipe import find_recipe, load_recipe

    typer.echo(explain(load_recipe(find_recipe(recipe), changes or [])), nl=False)
