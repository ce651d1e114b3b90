defmodule Bloom.SysConfig do
  @moduledoc """
  Lends `install_release` a resolved `sys.config` and puts the pristine file back.

  OTP's release handler reads `releases/VSN/sys.config` as it is, without config providers. For the moment of
  the install the file holds the resolved configuration, secrets included, readable by its owner only. The
  pristine file, with its providers, is what the next boot needs.
  """

  alias Bloom.{AppEnv, DurableFile}

  @doc "Runs `fun` while `sys.config` of the release directory holds `env`."
  @spec with_resolved(Path.t(), AppEnv.env(), (() -> result)) :: result when result: term()
  def with_resolved(release_dir, env, fun) do
    # A switch that was killed half-way may have left a resolved file.
    restore(release_dir)
    File.cp!(config(release_dir), pristine(release_dir))
    DurableFile.write!(config(release_dir), AppEnv.to_sys_config(env), 0o600)
    fun.()
  after
    restore(release_dir)
  end

  @doc "Puts the pristine file back if a resolved one is in its place."
  @spec restore(Path.t()) :: :ok
  def restore(release_dir) do
    case File.rename(pristine(release_dir), config(release_dir)) do
      :ok ->
        :ok

      {:error, :enoent} ->
        :ok

      {:error, reason} ->
        raise File.RenameError,
          reason: reason,
          action: "restore",
          source: pristine(release_dir),
          destination: config(release_dir)
    end
  end

  @doc "Restores every release below `root`, as is done at boot after an interrupted switch."
  @spec restore_all(Path.t()) :: :ok
  def restore_all(root) do
    for dir <- Path.wildcard(Path.join(root, "releases/*")), File.dir?(dir), do: restore(dir)
    :ok
  end

  defp config(dir), do: Path.join(dir, "sys.config")
  defp pristine(dir), do: Path.join(dir, "sys.config.pristine")
end
