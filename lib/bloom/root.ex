defmodule Bloom.Root do
  @moduledoc """
  The root directory of the release that runs, and what lies where in it.

      bin/  erts-V/  lib/APP-VSN/  releases/VSN/  releases/RELEASES  releases/start_erl.data
  """

  alias Bloom.{Config, Error, ReleaseHandler}

  @enforce_keys [:path, :name, :running]
  defstruct [:path, :name, :running]

  @typedoc "`path` is the release's root directory, `name` its name and `running` the version that runs."
  @type t :: %__MODULE__{path: Path.t(), name: String.t(), running: String.t()}

  @doc "The root of the release that runs, or an error where none does (as in `mix test` or `iex -S mix`)."
  @spec fetch() :: {:ok, t()} | {:error, Error.t()}
  def fetch do
    with true <- release?(), {:ok, %{name: name, version: version}} <- ReleaseHandler.running() do
      {:ok, %__MODULE__{path: path(), name: name, running: version}}
    else
      _none ->
        {:error,
         Error.new(:not_a_release, "this node does not run a release",
           suggestions: ["build one with `mix release` and start it with its own launcher"]
         )}
    end
  end

  @doc "Whether this node was booted from a release made by Mix."
  @spec release?() :: boolean()
  def release?, do: System.get_env("RELEASE_ROOT") != nil and File.dir?(Path.join(path(), "releases"))

  @doc "The root directory, which is OTP's `code:root_dir()` in a release with ERTS."
  @spec path() :: Path.t()
  def path, do: to_string(:code.root_dir())

  @doc "The directories in `releases/`, one for each release that is there. None of them starts with a dot."
  @spec release_dirs(Path.t()) :: [Path.t()]
  def release_dirs(root) do
    dir = Path.join(root, "releases")

    for name <- File.ls!(dir),
        not String.starts_with?(name, "."),
        File.dir?(Path.join(dir, name)),
        do: Path.join(dir, name)
  end

  @doc "A path inside `releases/VSN`."
  @spec release_path(t(), String.t(), Path.t()) :: Path.t()
  def release_path(%__MODULE__{path: path}, version, name \\ "") do
    Path.join([path, "releases", version, name])
  end

  @doc "Where the archive of a version is looked for."
  @spec archive(t(), String.t()) :: Path.t()
  def archive(%__MODULE__{} = root, version) do
    dir = Config.get(:releases_dir) || Path.join(root.path, "releases")
    Path.join(dir, "#{Config.get(:app_name) || root.name}-#{version}.tar.gz")
  end
end
