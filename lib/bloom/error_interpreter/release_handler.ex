defmodule Bloom.ErrorInterpreter.ReleaseHandler do
  @moduledoc "Every reason that OTP's `release_handler` and its `release_handler_1` give."

  @behaviour Bloom.ErrorInterpreter.Source

  alias Bloom.Error
  alias Bloom.ErrorInterpreter.Words

  @install_again "install the archive again"
  @restart "switch with mode: :restart"
  @windows ["Bloom runs releases on Unix only; see the service in erlsrv"]

  @impl true
  def interpret({:no_such_release, vsn}), do: Error.release_not_found(Words.of(vsn))

  def interpret({:no_such_from_vsn, vsn}), do: Error.invalid_relup("it has no way from release #{Words.of(vsn)}")
  def interpret({:bad_relup_file, path}), do: Error.invalid_relup("#{Words.of(path)} cannot be read")

  def interpret({:no_matching_relup, to, from}) do
    Error.invalid_relup("it has no way from release #{Words.of(from)} to release #{Words.of(to)}")
  end

  def interpret({:illegal_instruction_after_point_of_no_return, instruction}) do
    Error.invalid_relup("it has an instruction that OTP does not know (#{Words.of(instruction)})")
  end

  def interpret({:old_processes, module}) do
    new(:old_code_in_use, "processes still run code of #{Words.of(module)} from before the last switch", [
      "let them finish or stop them, then switch again"
    ])
  end

  def interpret({:already_installed, vsn}), do: Error.already_running(Words.of(vsn))

  def interpret({:existing_release, vsn}) do
    new(:already_installed, "release #{Words.of(vsn)} is installed already", ["switch to it"])
  end

  def interpret({:bad_status, status}) do
    new(:bad_status, "the release is #{Words.of(status)}, not running", ["switch to it first"])
  end

  def interpret({:permanent, vsn}) do
    new(:release_needed, "release #{Words.of(vsn)} is what the node boots, so it cannot be removed", [
      "remove it after a switch to another release"
    ])
  end

  def interpret({:no_such_file, {master, path}}) when is_atom(master) do
    new(:release_incomplete, "#{Words.of(path)} is missing on #{master}", [@install_again])
  end

  def interpret({kind, path}) when kind in [:no_such_file, :file_missing, :no_such_directory] do
    new(:release_incomplete, "#{Words.of(path)} is missing", [@install_again])
  end

  def interpret({:not_a_directory, path}) do
    new(:release_incomplete, "#{Words.of(path)} is no directory", [@install_again])
  end

  def interpret({:bad_rel_file, path}) do
    new(:release_incomplete, "#{Words.of(path)} is no description of a release", [@install_again])
  end

  def interpret({:bad_rel_data, _data}) do
    new(:release_incomplete, "the .rel file of the release does not describe one", [@install_again])
  end

  def interpret({:missing_base_app, vsn, app}) do
    new(:release_incomplete, "release #{Words.of(vsn)} has no application #{Words.of(app)}", [
      "build the release again with kernel, stdlib and sasl in it"
    ])
  end

  def interpret({:cannot_extract_file, name, reason}) do
    new(:not_unpacked, "#{Words.of(name)} cannot be unpacked: #{tar(reason)}", [
      "see whether the disk is full and the archive whole, then install it again"
    ])
  end

  def interpret({:bad_lib_vsn, lib, vsn}) do
    Error.invalid_relup("it is made for another version of #{Words.of(lib)} than #{Words.of(vsn)}")
  end

  def interpret({:code_change_failed, _pid, module, _vsn, reason}) do
    new(:code_change_failed, "code_change of #{Words.of(module)} failed: #{Words.of(reason)}", [
      "correct code_change in that module, or #{@restart}"
    ])
  end

  def interpret({:sync_error, {:nodedown, node}}) when is_atom(node) do
    new(:release_handler, "node #{node} went down while its upgrade was awaited", ["start it and try again"])
  end

  def interpret({:change_appl_data, reason}) do
    new(:release_handler, "the configuration of the applications could not be changed: #{Words.of(reason)}", [
      "look at the sys.config of the release and build it again"
    ])
  end

  def interpret({:could_not_create_hybrid_boot, _why}) do
    new(:release_handler, "no boot file could be made for the change of Erlang", [@restart])
  end

  def interpret({reason, stack})
      when reason in [:suspended_supervisor, :which_children_failed, :get_modules_failed] and is_list(stack) do
    interpret(reason)
  end

  def interpret(:suspended_supervisor) do
    new(:busy_process, "a supervisor is suspended, so nobody can tell its children", [
      "resume it with :sys.resume/1, then switch again"
    ])
  end

  def interpret(:which_children_failed) do
    new(:busy_process, "a supervisor did not tell its children", ["look at the log for which one, then switch again"])
  end

  def interpret(:get_modules_failed) do
    new(:busy_process, "a process with dynamic modules did not tell them", [
      "look at the log for which one, and correct its child specification"
    ])
  end

  def interpret(:static_emulator) do
    new(:release_handler, "this node must not restart, and the release needs it", [
      "take static_emulator out of sasl's configuration"
    ])
  end

  def interpret(reason) when reason in [:client_node, :no_master] do
    new(:release_handler, "this node takes its releases from masters, which Bloom does not know", [
      "take masters and client_directory out of sasl's configuration"
    ])
  end

  def interpret({:no_master, _file}), do: interpret(:no_master)

  def interpret({:bad_masters, nodes}) do
    new(:release_handler, "#{Words.of(nodes)} cannot be reached", [
      "start these nodes, or take them out of sasl's masters"
    ])
  end

  def interpret({:illegal_option, option}) do
    new(:release_handler, "the release handler has no option #{Words.of(option)}", ["leave it out"])
  end

  def interpret({:"heart:set_cmd() error", reason}) do
    new(:release_handler, "heart does not take the command that starts the release: #{Words.of(reason)}", [
      "look at HEART_COMMAND, and start the node with -heart"
    ])
  end

  def interpret({reason, why}) when reason in [:service_update_failed, :service_rename_failed] do
    new(:release_handler, "the Windows service could not be changed: #{Words.of(why)}", @windows)
  end

  def interpret(:service_name_missmatch), do: new(:release_handler, "the Windows service has another name", @windows)

  def interpret({:app_not_running, app}) do
    new(:release_handler, "application #{Words.of(app)} does not run", ["start it, or #{@restart}"])
  end

  def interpret(:no_appup_found), do: Error.invalid_relup("an application has no .appup file")

  def interpret({:version_not_in_appup, vsn}) do
    Error.invalid_relup("an .appup file has no way from version #{Words.of(vsn)}")
  end

  def interpret({:no_app_found, vsn, dir}) do
    new(:release_incomplete, "#{Words.of(dir)} has no application of version #{Words.of(vsn)}", [@install_again])
  end

  def interpret({:unknown_version, app}) do
    new(:release_incomplete, "the version of application #{Words.of(app)} cannot be told", [@install_again])
  end

  def interpret({:noproc, {:gen_server, :call, [:release_handler | _arguments]}}) do
    new(:release_handler, "OTP's release handler does not run", ["start sasl, or restart the node"])
  end

  # What masters answer: {Master, Reason, Operation...}.
  def interpret(tuple)
      when is_tuple(tuple) and tuple_size(tuple) in 3..5 and
             elem(tuple, 2) in [
               :move_releases,
               :update_releases,
               :backup_releases,
               :ensure_RELEASES_exists,
               :copy_start_config,
               :backup_start_config,
               :rename,
               :write,
               :backup
             ] do
    new(:release_handler, "#{Words.of(elem(tuple, 0))} could not write its files: #{Words.of(elem(tuple, 1))}", [
      "look at that node's disk and its rights, then try again"
    ])
  end

  def interpret(_other), do: nil

  defp new(code, message, suggestions), do: Error.new(code, message, suggestions: suggestions)

  defp tar(reason) when is_atom(reason), do: reason |> :erl_tar.format_error() |> IO.chardata_to_string()
  defp tar(reason), do: Words.of(reason)
end
