defmodule Bloom.Test.KnownReasons do
  @moduledoc "The reasons that other parts of the system are known to give."

  # #application{} and #release{} of systools.hrl, as far as they are read.
  @application {:application, :garden, :permanent, ~c"1.1.0", ~c"", ~c"", []}
  @release {:release, ~c"garden", ~c"1.1.0", ~c"13.1", []}

  @doc "Those of release_handler.erl and release_handler_1.erl of OTP 25 to 27, each with its code."
  def release_handler do
    [
      {{:existing_release, ~c"1.1.0"}, :already_installed},
      {{:no_such_file, ~c"/srv/garden/releases/1.1.0/start.boot"}, :release_incomplete},
      {{:no_such_file, {:master@host, ~c"/srv/x"}}, :release_incomplete},
      {{:file_missing, ~c"garden.rel"}, :release_incomplete},
      {{:no_such_directory, ~c"/srv/garden/lib"}, :release_incomplete},
      {{:not_a_directory, ~c"/srv/garden/lib"}, :release_incomplete},
      {{:bad_rel_file, ~c"/srv/garden.rel"}, :release_incomplete},
      {{:bad_rel_data, {:release, {~c"garden", ~c"1"}, :erts}}, :release_incomplete},
      {{:missing_base_app, ~c"1.1.0", :sasl}, :release_incomplete},
      {{:cannot_extract_file, ~c"lib/x.beam", :enospc}, :not_unpacked},
      {{:cannot_extract_file, ~c"lib/x.beam", {:strange, self()}}, :not_unpacked},
      {{:enospc, ~c"/srv/garden/releases/RELEASES"}, :disk_full},
      {{:eacces, ~c"/srv/garden/releases/1.1.0/relup"}, :permission_denied},
      {:erofs, :read_only},
      {{:no_master, ~c"relup"}, :release_handler},
      {:client_node, :release_handler},
      {{:bad_masters, [:a@host, :b@host]}, :release_handler},
      {{:a@host, {:error, :enospc}, :move_releases}, :release_handler},
      {{:a@host, {:error, {:eacces, ~c"f"}}, :copy_start_config}, :release_handler},
      {{:a@host, {:error, :eio}, :rename, ~c"a.change", ~c"a"}, :release_handler},
      {{:a@host, {:badrpc, :nodedown}, :write, ~c"a.change"}, :release_handler},
      {{:illegal_option, {:code_change_timeout, -1}}, :release_handler},
      {{:already_installed, ~c"1.1.0"}, :already_running},
      {{:no_such_release, ~c"1.1.0"}, :release_not_found},
      {{:no_such_from_vsn, ~c"1.0.0"}, :invalid_relup},
      {{:no_matching_relup, ~c"1.1.0", ~c"1.0.0"}, :invalid_relup},
      {{:bad_relup_file, ~c"/srv/garden/releases/1.1.0/relup"}, :invalid_relup},
      {{:illegal_instruction_after_point_of_no_return, {:dance, [:x]}}, :invalid_relup},
      {{:bad_lib_vsn, :garden, ~c"1.1.0"}, :invalid_relup},
      {{:old_processes, MyApp.Server}, :old_code_in_use},
      {{:code_change_failed, self(), MyApp.Server, ~c"1", {:badmatch, %{a: 1}}}, :code_change_failed},
      {{:sync_error, {:nodedown, :a@host}}, :release_handler},
      {{:change_appl_data, {:bad_environment, [{:a, 1}]}}, :release_handler},
      {{:could_not_create_hybrid_boot, {:app_not_found, :kernel}}, :release_handler},
      {{:suspended_supervisor, [{:release_handler_1, :get_procs, 2, [line: 1]}]}, :busy_process},
      {{:which_children_failed, []}, :busy_process},
      {{:get_modules_failed, []}, :busy_process},
      {:static_emulator, :release_handler},
      {{:bad_status, :unpacked}, :bad_status},
      {{:permanent, ~c"1.0.0"}, :release_needed},
      {{:"heart:set_cmd() error", {:error, :nosuchport}}, :release_handler},
      {{:service_update_failed, :enoent}, :release_handler},
      {{:service_rename_failed, {:error, ~c"no"}}, :release_handler},
      {:service_name_missmatch, :release_handler},
      {{:app_not_running, :garden}, :release_handler},
      {:no_appup_found, :invalid_relup},
      {{:version_not_in_appup, ~c"1.0.0"}, :invalid_relup},
      {{:no_app_found, ~c"1.0.0", ~c"/srv/lib"}, :release_incomplete},
      {{:unknown_version, :garden}, :release_incomplete},
      {{:noproc, {:gen_server, :call, [:release_handler, {:install_release, ~c"1"}, :infinity]}}, :release_handler},
      {{{:badmatch, {:error, :enospc}}, [{:release_handler, :do_write_release, 3, [line: 1]}]}, :disk_full},
      {{:badmatch, {:error, {:eacces, ~c"/srv/x"}}}, :permission_denied},
      {{{:case_clause, {:ok, {:file_info, 1, :regular}}}, [{:release_handler, :do_check_file, 2, []}]}, :crashed},
      {{:undef, [{MyApp.Server, :code_change, [1, %{a: 1}, []], []}]}, :crashed}
    ]
  end

  @doc "Those of systools_relup, systools_rc, systools_make and systools_lib, as their format_error/1 have them."
  def systools do
    [
      {:systools_relup, {:file_problem, {~c"/srv/a.appup", {:error, {:open, ~c"/srv/a.appup", :enoent}}}}},
      {:systools_relup, {:file_problem, {~c"/srv/a.appup", {:error, {:open, ~c"/srv/a.appup", :eacces}}}}},
      {:systools_relup, {:file_problem, {~c"a.appup", {:error, {:parse, ~c"a.appup", {3, :erl_parse, [~c"x"]}}}}}},
      {:systools_relup, {:file_problem, {~c"a.appup", {:error, {:read, ~c"a.appup"}}}}},
      {:systools_relup, {:file_problem, {~c"a.appup", {:ok, {:strange, 1}}}}},
      {:systools_relup, {:file_problem, {~c"relup", {:close, :enospc}}}},
      {:systools_relup, {:no_relup, ~c"/srv/a.appup", @application, ~c"1.0.0"}},
      {:systools_relup, {:missing_sasl, @release}},
      {:systools_relup, {:warnings_treated_as_errors, [{:erts_vsn_changed, {{~c"a", ~c"1"}, {~c"a", ~c"2"}}}]}},
      {:systools_rc, {:conflicting_versions, :garden, ~c"1", ~c"2"}},
      {:systools_make, {:mandatory_app, :kernel, :load}},
      {:systools_make, {:duplicate_register, [{{:name, :a, ~c"1", ~c"d"}, {:name, :b, ~c"1", ~c"d"}}]}},
      {:systools_make,
       {:duplicate_modules, [{{MyApp.X, ~c"1", :a, ~c"1", ~c"d"}, {MyApp.X, ~c"1", :b, ~c"1", ~c"d"}}]}},
      {:systools_make, {:duplicate_include, [{{:x, :a, ~c"1", ~c"d"}, {:x, :b, ~c"1", ~c"d"}}]}},
      {:systools_make, {:modules, [{:module_not_found, :garden, MyApp.X}, {:error, {:read, ~c"f"}}]}},
      {:systools_make, {:modules, [{{:vsn_diff, ~c"f"}, {MyApp.X, ~c"1", :garden, ~c"1", ~c"d"}}]}},
      {:systools_make, {:parse, ~c"garden.rel", {3, :erl_parse, [~c"syntax error"]}}},
      {:systools_make, {:parse, ~c"garden.rel", :strange}},
      {:systools_make, {:open, ~c"garden.rel", :enoent}},
      {:systools_make, {:tar_error, {:open, ~c"f", :enospc}}},
      {:systools_make, [{:error_reading, {:garden, {:not_found, ~c"garden.app"}}}]},
      {:systools_make, [{:error_reading, {:garden, {:application_vsn, {~c"garden", ~c"1"}}}}]},
      {:systools_make, [{:error_reading, {:garden, {{:bad_param, :env}, :garden}}}]},
      {:systools_make, [{:error_reading, {:garden, {{:missing_param, :vsn}, :garden}}}]},
      {:systools_make, [{:error_reading, {:garden, {:badly_formatted_application, {:a, 1}}}}]},
      {:systools_make, [{:error_reading, {:garden, {:parse_error, {~c"f", 3, ~c"x"}}}}]},
      {:systools_make, [{:error_reading, {:garden, {:no_valid_version, {{~c"a", ~c"1"}, {~c"b", ~c"f", ~c"2"}}}}}]},
      {:systools_make, [{:error, {:bad_application_name, {:garden, :shed}}}]},
      {:systools_relup, {:strange, %{a: self()}}}
    ] ++
      for(reason <- [:dup_mnesia_backup, :bad_mnesia_backup, :too_many_point_of_no_return], do: {:systools_rc, reason})
  end

  @doc "Why processes, calls, nodes and code fail, each with its code."
  def processes do
    [
      {{:noproc, {GenServer, :call, [Bloom.Deployment, {:run, %{}}, 5_000]}}, :no_process},
      {{:timeout, {GenServer, :call, [self(), :status, 5_000]}}, :no_answer},
      {:noproc, :no_process},
      {:timeout, :no_answer},
      {:killed, :process_ended},
      {:normal, :process_ended},
      {:shutdown, :process_ended},
      {{:shutdown, {:failed_to_start_child, MyApp.Server, {:error, :enoent}}}, :process_ended},
      {:system_limit, :system_limit},
      {{:badrpc, :nodedown}, :node_unreachable},
      {{:badrpc, {:EXIT, {:undef, [{MyApp, :run, [], []}]}}}, :node_unreachable},
      {{:nodedown, :garden@host}, :node_unreachable},
      {{{:nodedown, :garden@host}, {GenServer, :call, [:x, :y]}}, :node_unreachable},
      {:noconnection, :node_unreachable},
      {{3, :erl_parse, [~c"syntax error before: ", []]}, :damaged_file},
      {%File.Error{action: "write to file", path: "/srv/x", reason: :enospc}, :disk_full},
      {%File.CopyError{action: "copy", source: "a", destination: "b", reason: :eacces}, :permission_denied},
      {%File.RenameError{action: "rename", source: "a", destination: "b", reason: :erofs}, :read_only},
      {%MatchError{term: {:error, :emfile}}, :too_many_open_files},
      {%MatchError{term: %{a: {:b, self()}}}, :crashed},
      {%KeyError{key: :a, term: %{secret: "hush"}}, :crashed},
      {%ErlangError{original: {:enoent, ~c"/srv/x"}}, :io},
      {%FunctionClauseError{module: MyApp, function: :run, arity: 1}, :crashed},
      {%RuntimeError{message: "no"}, :crashed}
    ]
  end

  @doc "What nobody expects."
  def unknown do
    [
      :strange,
      {:strange, %{password: "hush"}, [1, 2]},
      %{strange: "hush"},
      [a: 1, b: {:c, self()}],
      make_ref(),
      <<255, 0, 1>>,
      <<1::3>>,
      {},
      [],
      "",
      String.duplicate("x", 100_000),
      {:deep, {:deep, {:deep, {:deep, {:deep, {:deep, 1}}}}}},
      [1 | :improper],
      Enum.to_list(1..100),
      1.5,
      nil,
      %URI{host: "x"}
    ]
  end
end
