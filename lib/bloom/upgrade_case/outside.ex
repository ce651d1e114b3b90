defmodule Bloom.UpgradeCase.Outside do
  @moduledoc """
  Finds what a release would work on outside of the directory that it is tested in, before it is started: a test of a release
  must not touch what another one runs on.
  """

  alias Bloom.UpgradeCase.Launcher

  @options [:app_root, :releases_dir, :database_backup_directory]

  @doc """
  The options of a release that point outside of its directory, as the release itself understands them.

  It takes a second to ask, so that what `same` stands for is asked once only.
  """
  @spec ask(Launcher.options(), term()) :: {:ok, keyword(Path.t())} | {:error, String.t()}
  def ask(launcher, same) do
    case :persistent_term.get({__MODULE__, same}, :unknown) do
      :unknown ->
        with {:ok, []} <- ask(launcher) do
          :persistent_term.put({__MODULE__, same}, :inside)
          {:ok, []}
        end

      :inside ->
        {:ok, []}
    end
  end

  # What it prints may be mixed with what its configuration prints.
  defp ask(%{root: root} = launcher) do
    file = root <> ".directories"

    code = """
    Application.load(:bloom)
    dirs = for option <- #{inspect(@options)}, do: {option, Application.get_env(:bloom, option)}
    File.write!(#{inspect(file)}, :erlang.term_to_binary({File.cwd!(), dirs}))
    """

    with :ok <- Launcher.eval(launcher, code) do
      {real, dirs} = file |> File.read!() |> :erlang.binary_to_term()
      {:ok, of(dirs, root, real)}
    end
  end

  @doc """
  Those that are outside of `root`, whose name without links is `real`. What is no path is for Bloom to refuse.

      iex> Bloom.UpgradeCase.Outside.of([app_root: "/tmp/a", releases_dir: "archives", database_backup_directory: nil], "/tmp/a")
      []
      iex> Bloom.UpgradeCase.Outside.of([app_root: "/tmp/ab", releases_dir: "../archives"], "/tmp/a")
      [app_root: "/tmp/ab", releases_dir: "../archives"]
  """
  @spec of(keyword(), Path.t(), Path.t()) :: keyword(Path.t())
  def of(dirs, root, real \\ nil) do
    for {option, dir} when is_binary(dir) <- dirs,
        path = Path.expand(dir, root),
        not inside?(path, [root, real || root]) do
      {option, dir}
    end
  end

  defp inside?(path, roots), do: Enum.any?(roots, &(path == &1 or String.starts_with?(path, &1 <> "/")))
end
