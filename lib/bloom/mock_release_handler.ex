defmodule Bloom.MockReleaseHandler do
  @moduledoc """
  A `Bloom.ReleaseHandler` in memory, for the test suites of applications that use Bloom.

      # test/test_helper.exs
      Application.put_env(:bloom, :release_handler, Bloom.MockReleaseHandler)
      Application.put_env(:bloom, :skip_file_checks, true)

      # in a test
      setup do
        Bloom.MockReleaseHandler.clear_releases()
        Bloom.MockReleaseHandler.add_mock_release(:my_app, "1.0.0", :permanent)
        :ok
      end

      test "can install a release" do
        assert :ok = Bloom.ReleaseManager.install_release("1.1.0")
      end

  It follows the rules of OTP's release handler for statuses and errors and switches nothing. The releases
  are shared by the whole VM, so tests that use it are not `async`.
  """

  @behaviour Bloom.ReleaseHandler

  @key {__MODULE__, :releases}

  @doc "Forgets every release."
  @spec clear_releases() :: :ok
  def clear_releases, do: put([])

  @doc """
  Adds a release, as the latest one.

      iex> Bloom.MockReleaseHandler.clear_releases()
      iex> Bloom.MockReleaseHandler.add_mock_release(:my_app, "1.0.0", :permanent)
      iex> Bloom.MockReleaseHandler.which_releases()
      [{~c"my_app", ~c"1.0.0", [], :permanent}]
  """
  @spec add_mock_release(atom() | String.t(), String.t(), Bloom.ReleaseHandler.status()) :: :ok
  def add_mock_release(name, version, status) when status in [:unpacked, :current, :permanent, :old] do
    update(fn releases -> [{to_charlist(name), to_charlist(version), [], status} | releases] end)
  end

  @impl true
  def which_releases, do: :persistent_term.get(@key, [])

  @impl true
  def unpack_release(name_and_vsn) do
    {name, vsn} = split(to_string(name_and_vsn))

    case find(vsn) do
      nil -> add_mock_release(name, vsn, :unpacked) && {:ok, to_charlist(vsn)}
      _release -> {:error, {:existing_release, to_charlist(vsn)}}
    end
  end

  @impl true
  def set_unpacked(rel_file, _lib_dirs), do: rel_file |> Path.rootname() |> Path.basename() |> unpack_release()

  @impl true
  def check_install_release(vsn) do
    case find(vsn) do
      nil -> {:error, {:no_such_release, vsn}}
      {_, _, _, :current} -> {:error, {:already_installed, vsn}}
      _release -> {:ok, running_vsn(), []}
    end
  end

  @impl true
  def install_release(vsn) do
    with {:ok, from, descr} <- check_install_release(vsn) do
      update_statuses(fn
        ^vsn, :permanent -> :permanent
        ^vsn, _status -> :current
        _other, :current -> :old
        _other, status -> status
      end)

      {:ok, from, descr}
    end
  end

  @impl true
  def make_permanent(vsn) do
    case find(vsn) do
      nil ->
        {:error, {:no_such_release, vsn}}

      {_, _, _, status} when status in [:unpacked, :old] ->
        {:error, {:bad_status, status}}

      _release ->
        update_statuses(fn
          ^vsn, _status -> :permanent
          _other, :permanent -> :old
          _other, status -> status
        end)
    end
  end

  @impl true
  def set_removed(vsn) do
    case find(vsn) do
      nil -> {:error, {:no_such_release, vsn}}
      {_, _, _, :permanent} -> {:error, {:permanent, vsn}}
      release -> update(&List.delete(&1, release))
    end
  end

  defp split(name_and_vsn) do
    [name, vsn] = String.split(name_and_vsn, "-", parts: 2)
    {name, vsn}
  end

  defp find(vsn), do: List.keyfind(which_releases(), to_charlist(vsn), 1)

  defp running_vsn do
    releases = which_releases()
    running = List.keyfind(releases, :current, 3) || List.keyfind(releases, :permanent, 3, {nil, ~c"", [], nil})
    elem(running, 1)
  end

  defp update_statuses(fun) do
    update(&Enum.map(&1, fn {name, vsn, libs, status} -> {name, vsn, libs, fun.(vsn, status)} end))
  end

  defp update(fun), do: put(fun.(which_releases()))

  defp put(releases), do: :persistent_term.put(@key, releases)
end
