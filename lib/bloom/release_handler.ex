defmodule Bloom.ReleaseHandler do
  @moduledoc """
  The one door to OTP's `:release_handler`, as a behaviour so that test suites can put
  `Bloom.MockReleaseHandler` in its place:

      config :bloom, release_handler: Bloom.MockReleaseHandler

  The callbacks mirror [`:release_handler`](https://www.erlang.org/doc/man/release_handler.html). Versions
  and names are charlists, as OTP wants them; a binary gives `badarg` there.
  """

  @typedoc "A release as OTP lists it: name, version, libraries as `app-version` and status."
  @type release :: {name :: charlist(), vsn :: charlist(), libs :: [charlist()], status()}

  @typedoc "`current` runs but does not boot next, `permanent` boots next, `old` was permanent before."
  @type status :: :unpacked | :current | :permanent | :old

  @doc "Every release that the handler knows, latest registered first."
  @callback which_releases() :: [release()]

  @doc "Unpacks the archive `NAME.tar.gz` of the releases directory."
  @callback unpack_release(name :: charlist()) :: {:ok, vsn :: charlist()} | {:error, term()}

  @doc "Tells the handler of a release that was unpacked without it."
  @callback set_unpacked(rel_file :: charlist(), lib_dirs :: [{atom(), charlist(), charlist()}]) ::
              {:ok, vsn :: charlist()} | {:error, term()}

  @doc "Says whether a release could be installed, and reads its relup."
  @callback check_install_release(vsn :: charlist()) ::
              {:ok, from :: charlist(), descr :: term()} | {:error, term()}

  @doc "Makes a release the running one; the permanent one still boots next."
  @callback install_release(vsn :: charlist()) ::
              {:ok, from :: charlist(), descr :: term()} | {:error, term()}

  @doc "Makes the running release the one that boots next."
  @callback make_permanent(vsn :: charlist()) :: :ok | {:error, term()}

  @doc "Forgets a release, without touching its files."
  @callback set_removed(vsn :: charlist()) :: :ok | {:error, term()}

  @doc "The configured implementation."
  @spec impl() :: module()
  def impl, do: Bloom.Config.get(:release_handler)

  @doc "The releases that the handler knows, versions and names as strings, latest registered first."
  @spec releases() :: [%{name: String.t(), version: String.t(), status: status()}]
  def releases do
    for {name, vsn, _libs, status} <- impl().which_releases() do
      %{name: to_string(name), version: to_string(vsn), status: status}
    end
  end

  @doc "The release that runs: the `current` one, else the `permanent` one."
  @spec running() :: {:ok, %{name: String.t(), version: String.t(), status: status()}} | :error
  def running do
    releases = releases()

    case Enum.find(releases, &(&1.status == :current)) || Enum.find(releases, &(&1.status == :permanent)) do
      nil -> :error
      release -> {:ok, release}
    end
  end

  @doc """
  Whether the VM is ending. Where the handler fails after OTP's point of no return it restarts the VM, and answers first.
  """
  @spec vm_ending?() :: boolean()
  def vm_ending? do
    await_handler()
    match?({:stopping, _progress}, :init.get_status())
  end

  # What it answers now comes after what it had begun.
  defp await_handler do
    impl().which_releases()
  catch
    :exit, _stopped -> :gone
  end
end
