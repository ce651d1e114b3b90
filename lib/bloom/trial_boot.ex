defmodule Bloom.TrialBoot do
  @moduledoc """
  Has the next boot of the node be that of another release, once.

      releases/.bloom-trial          armed: "VERSION SECONDS"
      releases/.bloom-trial.booted   used up by the boot guard, and not confirmed yet

  The guard is the script `priv/bloom_guard.sh`, which `Bloom.Release.prepare/1` puts into every release. It renames the
  first file to the second before it starts the VM, so every boot after that one is the permanent release again. What
  is not confirmed within so many seconds is killed.
  """

  alias Bloom.{DurableFile, Error, ReleasesFile}
  alias Bloom.Release.BootGuard

  @type state :: :none | {:armed, String.t()} | {:booted, String.t()}

  @doc "Arms a trial of an installed version; it has `seconds` to be confirmed."
  @spec arm(Path.t(), String.t(), pos_integer()) :: :ok | {:error, Error.t()}
  def arm(root, version, seconds) do
    with :ok <- ready(root), do: DurableFile.write!(armed(root), "#{version} #{seconds}\n")
  end

  @doc "Whether a trial can be armed: the permanent release has the boot guard."
  @spec ready(Path.t()) :: :ok | {:error, Error.t()}
  def ready(root) do
    with {:ok, permanent} <- ReleasesFile.permanent(root),
         true <- BootGuard.there?(Path.join([root, "releases", permanent])) do
      :ok
    else
      :error ->
        {:error,
         Error.new(:releases_damaged, "releases/start_erl.data of #{root} cannot be read",
           suggestions: ["restart the node: Bloom makes it anew"]
         )}

      false ->
        {:error, no_guard(root)}
    end
  end

  @doc "Forgets a trial, whatever became of it."
  @spec disarm(Path.t()) :: :ok
  def disarm(root) do
    DurableFile.rm!(armed(root))
    DurableFile.rm!(booted(root))
  end

  @doc "Confirms that the release on trial is up, so that it is not killed; does nothing where there is none."
  @spec confirm(Path.t()) :: :ok
  def confirm(root), do: DurableFile.rm!(booted(root))

  @doc "What there is of a trial."
  @spec state(Path.t()) :: state()
  def state(root) do
    case {File.read(armed(root)), File.read(booted(root))} do
      {{:ok, line}, _booted} -> {:armed, version(line)}
      {_none, {:ok, line}} -> {:booted, version(line)}
      _none -> :none
    end
  end

  defp version(line), do: line |> String.split() |> List.first("")

  defp armed(root), do: Path.join(root, "releases/.bloom-trial")
  defp booted(root), do: Path.join(root, "releases/.bloom-trial.booted")

  defp no_guard(root) do
    Error.new(
      :no_boot_guard,
      "the permanent release of #{root} has no boot guard in its env.sh, so no trial can be booted",
      suggestions: ["deploy this version by hand once, built with Bloom.Release.prepare/1 in its steps"]
    )
  end
end
