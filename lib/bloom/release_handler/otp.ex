defmodule Bloom.ReleaseHandler.OTP do
  @moduledoc "`Bloom.ReleaseHandler` on OTP's own `:release_handler`."

  @behaviour Bloom.ReleaseHandler

  @impl true
  defdelegate which_releases(), to: :release_handler

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
