defmodule Bloom.Release.BootGuard do
  @moduledoc """
  Puts the boot guard into a release: two scripts beside its `env.sh`, and a first line in it that sources one.

  The guard must be in the release that is permanent, as that is the one whose `env.sh` the launcher reads.
  """

  @guard "bloom_guard.sh"
  @scripts [@guard, "bloom_watchdog.sh"]

  # "$@" are the launcher's arguments, with which the release on trial is started.
  @line ~s(. "$REL_VSN_DIR/#{@guard}")

  @doc "Copies the scripts and changes `env.sh` of an assembled release; once only."
  @spec put(struct()) :: struct()
  def put(%{version_path: dir} = release) do
    for script <- @scripts, do: File.cp!(Application.app_dir(:bloom, ["priv", script]), Path.join(dir, script))
    path = Path.join(dir, "env.sh")
    env = File.read!(path)
    unless env =~ @line, do: File.write!(path, with_guard(env))
    release
  end

  @doc "Whether the release in a directory has the guard."
  @spec there?(Path.t()) :: boolean()
  def there?(dir) do
    File.regular?(Path.join(dir, @guard)) and match?({:ok, _}, File.read(Path.join(dir, "env.sh"))) and
      File.read!(Path.join(dir, "env.sh")) =~ @line
  end

  @doc "The path of the watchdog in the release of a directory."
  @spec watchdog(Path.t()) :: Path.t()
  def watchdog(dir), do: Path.join(dir, "bloom_watchdog.sh")

  defp with_guard("#!" <> _rest = env) do
    [shebang, rest] = String.split(env, "\n", parts: 2)
    Enum.join([shebang, @line, rest], "\n")
  end

  defp with_guard(env), do: @line <> "\n" <> env
end
