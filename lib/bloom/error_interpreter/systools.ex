defmodule Bloom.ErrorInterpreter.Systools do
  @moduledoc """
  Every reason for which OTP's `systools` makes no upgrade instructions, as `{:error, module, reason}`.

  The message is the one of the README; why exactly is in the details and in what to do next.
  """

  @behaviour Bloom.ErrorInterpreter.Source

  alias Bloom.Error
  alias Bloom.ErrorInterpreter.{Posix, Words}

  @modules [:systools_relup, :systools_rc, :systools_make, :systools_lib]

  # systools_rc's reasons with the one thing each is about.
  # No map: one of more than 32 keys is compiled in another order each time, and Bloom would never be the same twice.
  @about [
    bad_op_before_point_of_no_return: "an instruction stands before the point of no return that may not",
    no_object_code: "nothing reads the code of a module that is loaded",
    suspended_not_resumed: "what is suspended is never resumed",
    resumed_not_suspended: "what is resumed was never suspended",
    code_change_not_suspended: "code_change is asked of what is not suspended",
    start_not_stop: "what is started was never stopped",
    stop_not_start: "what is stopped is never started",
    no_such_application: "an application is named that the release does not have",
    removed_application_present: "an application is removed that the release still has",
    no_appl_vsn: "an application has no version",
    no_such_module: "a module is named that no application has",
    undef_module: "an instruction depends on a module that has none of its own",
    muldef_module: "a module has two instructions",
    bad_instruction: "an instruction is none that OTP knows",
    bad_module: "a module's name is no atom",
    bad_code_change: "an argument of code_change is not a module with its extra",
    bad_change: "a change is neither soft nor advanced",
    bad_mod_type: "the type of a module is neither static nor dynamic",
    bad_purge_method: "a purge is neither soft_purge nor brutal_purge",
    bad_list: "a list of modules is none",
    bad_args_list: "the arguments of a call are no list",
    bad_node: "a node's name is no atom",
    bad_application: "an application's name is no atom",
    bad_start_type: "the type of a start is none that OTP knows",
    bad_func: "a function's name is no atom",
    bad_lib: "a library's name is no atom",
    bad_lib_vsn: "a library's version is no text",
    bad_timeout: "a timeout is neither infinity nor a number above 0",
    bad_mode: "a code_change goes neither up nor down",
    # systools_make's.
    illegal_name: "the .rel file names the release wrongly",
    illegal_form: "the .rel file has a part that is none",
    missing_parameter: "the .rel file lacks a part",
    illegal_applications: "the .rel file names applications wrongly",
    missing_mandatory_app: "the .rel file lacks an application that each release needs",
    undefined_applications: "applications are needed that the release does not have",
    included_and_used: "applications are both used and included",
    circular_dependencies: "applications depend on each other in a circle",
    not_found: "a file is missing",
    read: "a file cannot be read",
    module_not_found: "a module is missing",
    override_include: "applications are included that no .app file names"
  ]

  @tags Keyword.keys(@about)

  @whole %{
    dup_mnesia_backup: "mnesia is backed up twice",
    bad_mnesia_backup: "the backup of mnesia stands in the wrong place",
    too_many_point_of_no_return: "there are several points of no return",
    badly_formatted_release: "the .rel file is damaged"
  }

  @doc "The reasons that are about one thing, and those that say it all."
  @spec known() :: [atom()]
  def known, do: @tags ++ Map.keys(@whole)

  @impl true
  def interpret({:error, module, reason}) when module in @modules, do: Error.invalid_relup(why(reason))
  def interpret(_other), do: nil

  @doc """
  Why there are no instructions, in words.

      iex> Bloom.ErrorInterpreter.Systools.why({:suspended_not_resumed, [MyApp.Server]})
      "what is suspended is never resumed (MyApp.Server)"
  """
  @spec why(term()) :: String.t()
  def why(reason) when is_map_key(@whole, reason), do: @whole[reason]
  def why({tag, what}) when tag in @tags, do: "#{@about[tag]} (#{Words.of(what)})"

  def why({:no_relup, file, application, vsn}) do
    "#{Words.of(file)} has no way between version #{Words.of(vsn)} and #{Words.of(elem(application, 3))}"
  end

  def why({:missing_sasl, release}), do: "release #{Words.of(elem(release, 2))} has no application sasl"
  def why({:file_problem, {file, problem}}), do: "#{Words.of(file)} #{problem(problem)}"
  def why({:warnings_treated_as_errors, [{:erts_vsn_changed, _releases} | _]}), do: "another ERTS needs a restart"
  def why({:warnings_treated_as_errors, warnings}), do: "OTP warns of it: #{Words.of(warnings)}"

  def why({:conflicting_versions, lib, one, other}) do
    "#{Words.of(lib)} is wanted in two versions, #{Words.of(one)} and #{Words.of(other)}"
  end

  def why({:mandatory_app, name, type}),
    do: "application #{Words.of(name)} is #{Words.of(type)} and has to be permanent"

  def why({:duplicate_register, found}), do: "a name is registered by two applications (#{names(found)})"
  def why({:duplicate_modules, found}), do: "a module is in two applications (#{names(found)})"
  def why({:duplicate_include, found}), do: "an application is included twice (#{names(found)})"
  def why({:modules, errors}), do: several(errors)
  def why({:parse, file, {line, _module, _what}}), do: "#{Words.of(file)} is damaged in line #{Words.of(line)}"
  def why({:parse, file, _reason}), do: "#{Words.of(file)} is damaged"
  def why({:open, file, reason}), do: "#{Words.of(file)} cannot be opened: #{Posix.words(reason)}"
  def why({:tar_error, _what}), do: "the archive cannot be written"
  def why({:error_reading, {name, what}}), do: "application #{Words.of(name)} cannot be read: #{reading(what)}"

  def why({:bad_application_name, {name, found}}) do
    "the .app file of #{Words.of(name)} is the one of #{Words.of(found)}"
  end

  def why({:module_not_found, app, module}), do: "module #{Words.of(module)} of #{Words.of(app)} is missing"

  def why({{:vsn_diff, file}, {module, _vsn, app, _app_vsn, _dir}}) do
    "module #{Words.of(module)} of #{Words.of(app)} has another version in #{Words.of(file)}"
  end

  def why([_ | _] = errors), do: several(errors)
  def why(reason), do: Words.of(reason)

  defp several(errors) do
    errors |> Enum.map(fn error -> error |> unwrap() |> why() end) |> Enum.uniq() |> Enum.take(3) |> Enum.join("; ")
  end

  defp unwrap({:error, error}), do: error
  defp unwrap(error), do: error

  defp reading({:application_vsn, {_name, vsn}}), do: "there is no version #{Words.of(vsn)}"
  defp reading({{:bad_param, param}, _app}), do: "#{Words.of(param)} in its .app file is wrong"
  defp reading({{:missing_param, param}, _app}), do: "its .app file lacks #{Words.of(param)}"
  defp reading({:badly_formatted_application, _app}), do: "its .app file is damaged"
  defp reading({:parse_error, {file, line, _error}}), do: "#{Words.of(file)} is damaged in line #{Words.of(line)}"

  defp reading({:no_valid_version, {{_wanted, vsn}, {_found, file, other}}}) do
    "version #{Words.of(vsn)} is wanted, and #{Words.of(file)} is #{Words.of(other)}"
  end

  defp reading(reason), do: why(reason)

  # What systools_lib:read_term/1 answers, and what systools_relup says of its own file.
  defp problem({:ok, _term}), do: "does not hold what an .appup file holds"
  defp problem({:error, {what, _file, reason}}), do: problem({what, reason})
  defp problem({:error, {what, _file}}), do: problem(what)
  defp problem({:open, :enoent}), do: "is missing"
  defp problem({what, reason}) when is_atom(reason), do: "cannot be #{done(what)}: #{Posix.words(reason)}"
  defp problem({_parse, _where}), do: "is damaged"
  defp problem(what) when is_atom(what), do: "cannot be #{done(what)}"

  defp done(:open), do: "opened"
  defp done(:close), do: "closed"
  defp done(:parse), do: "understood"
  defp done(_read), do: "read"

  defp names(found), do: found |> Enum.map(fn {one, _other} -> elem(one, 0) end) |> Words.of()
end
