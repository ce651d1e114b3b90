defmodule Bloom.ReleaseHandler.OTP do
  @moduledoc "`Bloom.ReleaseHandler` on OTP's own `:release_handler`."

  @behaviour Bloom.ReleaseHandler

  @impl true
  def which_releases, do: which_releases(50)

  # Bloom has it read RELEASES again after each change (see Bloom.ReleasesFile), and it is not there for a moment.
  defp which_releases(attempts) do
    :release_handler.which_releases()
  catch
    :exit, {:noproc, _call} when attempts > 0 -> receive after: (20 -> which_releases(attempts - 1))
  end

  @impl true
  defdelegate unpack_release(name), to: :release_handler

  @impl true
  defdelegate set_unpacked(rel_file, lib_dirs), to: :release_handler

  @impl true
  defdelegate check_install_release(vsn), to: :release_handler

  @impl true
  defdelegate install_release(vsn), to: :release_handler

  @impl true
  defdelegate make_permanent(vsn), to: :release_handler

  @impl true
  defdelegate set_removed(vsn), to: :release_handler
end
