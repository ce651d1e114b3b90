defmodule Bloom.SysConfig do
  @moduledoc """
  Lends `install_release` a resolved `sys.config` and puts the pristine file back.

  OTP's release handler reads `releases/VSN/sys.config` as it is, without config providers. For the moment of
  the install the file holds the resolved configuration, secrets included, readable by its owner only. The
  pristine file, with its providers, is what the next boot needs.
  """

  alias Bloom.{AppEnv, DurableFile, Root}

  @doc "Runs `fun` while `sys.config` of the release directory holds `env`."
  @spec with_resolved(Path.t(), AppEnv.env(), (() -> result)) :: result when result: term()
  def with_resolved(release_dir, env, fun) do
    # A switch that was killed half-way may have left a resolved file.
    restore(release_dir)
    DurableFile.write!(pristine(release_dir), File.read!(config(release_dir)))
    DurableFile.write!(config(release_dir), AppEnv.to_sys_config(env), 0o600)
    fun.()
  after
    restore(release_dir)
  end

  @doc "Whether a resolved file is in the place of the pristine one."
  @spec lent?(Path.t()) :: boolean()
  def lent?(release_dir), do: File.exists?(pristine(release_dir))

  @doc "Puts the pristine file back if a resolved one is in its place."
  @spec restore(Path.t()) :: :ok
  def restore(release_dir) do
    if lent?(release_dir), do: DurableFile.rename!(pristine(release_dir), config(release_dir)), else: :ok
  end

  @doc "Restores every release below `root`, as is done at boot after an interrupted switch."
  @spec restore_all(Path.t()) :: :ok
  def restore_all(root) do
    Enum.each(Root.release_dirs(root), &restore/1)
  end

  defp config(dir), do: Path.join(dir, "sys.config")
  defp pristine(dir), do: Path.join(dir, "sys.config.pristine")
end
