defmodule Bloom.Rehearsal do
  @moduledoc """
  What runs inside the VM that `Bloom.TargetVM` boots: a release answers for itself, with its own code.

  The question is a map; each key is one thing to find out, and the answer holds the same keys:

    * `config: true` - the resolved configuration, `[{app, [{key, value}]}]` of every application of the
      release, after config providers ran and `compile_env` was validated by the boot itself;
    * `problems: true` - what the release's Bloom would refuse in its own configuration, a sentence each;
    * `load: [module]` - `[{module, reason}]` of those that cannot be loaded;
    * `children: [{module, args}]` - for each supervisor call `{:ok, [child_id]}` or `{:error, text}`;
    * `code_change: [{module, vsn, extra, [state]}]` - `[{module, text}]` of those whose `code_change`
      raised or answered nonsense;
    * `migrations: {action, request}` - see `Bloom.MigrationTracker.Answer`.

  Part of the contract between versions of Bloom, as the node that asks may run another one.
  """

  alias Bloom.MigrationTracker.Answer
  alias Bloom.Secrets
  alias Bloom.ErrorInterpreter
  alias Bloom.ErrorInterpreter.Words

  @doc "Answers the question in the directory `$BLOOM_REHEARSAL` and halts the VM."
  @spec main() :: no_return()
  def main do
    # The node's end closes standard input; nobody is left to answer to.
    spawn(fn -> if IO.read(:stdio, :line) == :eof, do: System.halt(1) end)

    dir = System.fetch_env!("BLOOM_REHEARSAL")
    question = dir |> Path.join("question") |> File.read!() |> :erlang.binary_to_term()
    File.write!(Path.join(dir, "answer"), question |> answer() |> :erlang.term_to_binary())
    System.halt(0)
  end

  # In this order, as what is asked for later may need the applications' environment.
  defp answer(question) do
    with :ok <- configure() do
      keys =
        for key <- [:config, :problems, :load, :children, :code_change, :migrations], is_map_key(question, key), do: key

      {:ok, Map.new(keys, &{&1, find_out(&1, question[&1])})}
    end
  end

  # What the boot of the release does with its sys.config. Not left to the boot of this VM, because a VM that ends
  # there takes what it has to say along.
  defp configure do
    {:ok, [config]} = "REL_VSN_DIR" |> System.fetch_env!() |> Path.join("sys.config") |> :file.consult()
    Application.put_all_env(Enum.filter(config, &is_tuple/1), persistent: true)
    # The command line counts more than sys.config and is read here, config providers count more than both.
    Enum.each(release_apps(), &Application.load/1)
    {:ok, output} = StringIO.open("")
    group_leader = Process.group_leader()

    try do
      Process.group_leader(self(), output)
      Config.Provider.boot()
      :ok
    catch
      kind, reason ->
        {_input, said} = StringIO.contents(output)
        {:error, said <> ErrorInterpreter.how(kind, reason, __STACKTRACE__)}
    after
      Process.group_leader(self(), group_leader)
    end
  end

  defp find_out(:config, true) do
    for app <- release_apps(), do: {app, Application.get_all_env(app)}
  end

  defp find_out(:problems, true), do: Bloom.Config.problems(Application.get_all_env(:bloom))

  defp find_out(:load, modules) do
    for module <- modules, {:error, reason} <- [:code.ensure_loaded(module)], do: {module, reason}
  end

  defp find_out(:children, calls) do
    for {module, args} <- calls, do: {{module, args}, guarded(fn -> child_ids(module.init(args)) end)}
  end

  defp find_out(:code_change, changes) do
    for {module, vsn, extra, states} <- changes,
        state <- states,
        {:error, text} <- [guarded(fn -> code_change(module, vsn, state, extra) end)],
        uniq: true,
        do: {module, text}
  end

  defp find_out(:migrations, {action, request}) do
    secrets = Path.join(System.fetch_env!("BLOOM_REHEARSAL"), "secrets")
    Answer.answer(action, Map.put(request, :apps, release_apps()), &Secrets.write!(secrets, &1))
  end

  defp release_apps do
    vsn_dir = System.fetch_env!("REL_VSN_DIR")
    [rel | _] = Path.wildcard(Path.join(vsn_dir, "*.rel"))
    {:ok, [{:release, _name, _erts, apps}]} = :file.consult(rel)
    Enum.map(apps, &elem(&1, 0))
  end

  defp child_ids({:ok, {_flags, specs}}), do: {:ok, Enum.map(specs, &child_id/1)}
  defp child_ids(:ignore), do: {:ok, []}
  defp child_ids(other), do: {:error, "init/1 answered #{Words.of(other)}"}

  defp child_id(%{id: id}), do: id
  defp child_id(spec) when is_tuple(spec), do: elem(spec, 0)

  # gen_statem keeps its state name beside its data, and sys:get_state gives both.
  defp code_change(module, vsn, state, extra) do
    result =
      if function_exported?(module, :code_change, 4) do
        {name, data} = state
        module.code_change(vsn, name, data, extra)
      else
        module.code_change(vsn, state, extra)
      end

    case result do
      {:ok, _state} -> {:ok, :changed}
      {:ok, _name, _data} -> {:ok, :changed}
      other -> {:error, "code_change answered #{Words.of(other)}"}
    end
  end

  defp guarded(fun) do
    fun.()
  catch
    kind, reason -> {:error, ErrorInterpreter.how(kind, reason, __STACKTRACE__)}
  end
end
