defmodule Bloom.Deployment.WalkTest do
  # Steps that only tell what is asked of them: the walk's own rules, on a journal in memory.
  use ExUnit.Case

  import ExUnit.CaptureLog

  alias Bloom.Deployment.{Context, Report, Status, Steps, Walk}
  alias Bloom.{Error, Metadata, Root}
  alias Bloom.Metadata.Store

  for name <- [:first, :second, :third] do
    defmodule Module.concat(__MODULE__, name |> to_string() |> Macro.camelize()) do
      @behaviour Bloom.Deployment.Step
      @name name

      @impl true
      def name, do: @name

      @impl true
      def needed?(context), do: {{@name, :needed?}, false} not in context.opts

      @impl true
      def run(context), do: Bloom.Deployment.WalkTest.act(@name, :run, context, {:ok, context})

      @impl true
      def happened?(context), do: Bloom.Deployment.WalkTest.act(@name, :happened?, context, true)

      @impl true
      def undo(context), do: Bloom.Deployment.WalkTest.act(@name, :undo, context, :ok)
    end
  end

  alias __MODULE__.{First, Second, Third}

  # What a step answers is in opts, by its name and function.
  def act(name, function, context, default) do
    send(self(), {name, function})

    case List.keyfind(context.opts, {name, function}, 0) do
      nil -> default
      {_asked, answer} when is_function(answer) -> answer.(context)
      {_asked, answer} -> answer
    end
  end

  setup do
    {:ok, id} =
      Metadata.start_deployment(%{
        operation: :install,
        version: "1.1.0",
        from_version: "1.0.0",
        requested_by: "a test",
        facts: %{}
      })

    Status.begin(:install, "1.1.0", nil)
    on_exit(&Status.clear/0)
    root = %Root{path: "", name: "my_app", running: "1.0.0"}
    context = %Context{id: id, operation: :install, version: "1.1.0", root: root}
    %{context: Report.begin(context, resumed: false)}
  end

  defp walk(context, answers) do
    # `opts` is a list of answers by {name, function} here.
    with_log(fn -> Walk.forward([First, Second, Third], %{context | opts: answers}, []) end)
  end

  defp asked, do: Process.info(self(), :messages) |> elem(1) |> Enum.filter(&match?({_name, _function}, &1))

  defp journal(id) do
    {:ok, history} = Metadata.get_deployment_history()
    deployment = Enum.find(history, &(&1.id == id))
    {deployment.outcome, for(step <- deployment.steps, do: {step.step, step.phase, step.result})}
  end

  defp failure, do: {:error, Error.new(:full, "no room")}

  test "every step is written down, in order", %{context: context} do
    {result, _log} = walk(context, [])
    assert result == :ok
    assert journal(context.id) == {:installed, [{:first, :run, :ok}, {:second, :run, :ok}, {:third, :run, :ok}]}
  end

  test "a step is in the journal before it starts", %{context: context} do
    test = self()
    look = fn context -> send(test, {:seen, journal(context.id)}) && {:ok, context} end
    walk(context, [{{:second, :run}, look}])
    assert_received {:seen, {nil, [{:first, :run, :ok}, {:second, :run, nil}]}}
  end

  test "a failure undoes what happened, the failed step included, in reverse", %{context: context} do
    {result, log} = walk(context, [{{:third, :run}, failure()}, {{:second, :happened?}, false}])
    assert {:error, %Error{code: :full}} = result
    assert log =~ "install of release 1.1.0 is undone: no room"

    assert asked() == [
             first: :run,
             second: :run,
             third: :run,
             third: :happened?,
             third: :undo,
             second: :happened?,
             first: :happened?,
             first: :undo
           ]

    assert {:failed, entries} = journal(context.id)
    assert {:third, :run, {:error, "no room"}} in entries
    assert {:first, :undo, :ok} in entries
  end

  test "a message that is kept to the letter is answered as it is, and the history has why", %{context: context} do
    note = fn context -> {:ok, Bloom.Deployment.Context.note(context, "two left")} end
    refused = {:error, Error.invalid_relup("it has no way back")}
    {{:error, error}, _log} = walk(context, [{{:first, :run}, note}, {{:second, :run}, refused}])

    assert Error.to_message(error) == "Invalid release upgrade file - check release compatibility"
    assert "two left" in error.suggestions
    {:ok, deployment} = Metadata.get_deployment(context.id)
    assert deployment.reason =~ "check release compatibility (it has no way back); two left"
  end

  test "a step that raises, throws or exits is a failure", %{context: context} do
    for crash <- [fn _ -> raise "boom" end, fn _ -> throw(:boom) end, fn _ -> exit(:boom) end] do
      {result, _log} = walk(context, [{{:second, :run}, crash}])
      assert {:error, %Error{code: :step_crashed, message: "step second crashed: " <> why}} = result
      assert why =~ "boom"
    end
  end

  test "cancelled before a step, it goes back", %{context: context} do
    {result, _log} = walk(context, [{{:first, :run}, fn context -> {Status.cancel(), {:ok, context}} |> elem(1) end}])
    assert {:error, %Error{code: :cancelled}} = result
    assert asked() == [first: :run, first: :happened?, first: :undo]
    assert {:cancelled, _entries} = journal(context.id)
  end

  test "that it was cancelled is in the journal before anything is undone", %{context: context} do
    test = self()
    look = fn context -> send(test, {:seen, Metadata.get_deployment(context.id)}) && :restarting end
    cancelled = {:error, Error.new(:cancelled, "cancelled")}
    {result, _log} = walk(context, [{{:second, :run}, cancelled}, {{:second, :undo}, look}])
    assert result == {:ok, :restarting}
    assert_received {:seen, {:ok, %{facts: %{cancelled: true}}}}
  end

  test "what cannot be undone is told, stops there, and calls the callback", %{context: context} do
    test = self()
    Application.put_env(:bloom, :rollback_failure_callback, &send(test, {:alert, &1}))
    on_exit(fn -> Application.delete_env(:bloom, :rollback_failure_callback) end)

    {result, log} =
      walk(context, [{{:third, :run}, failure()}, {{:second, :undo}, {:error, Error.new(:stuck, "stuck")}}])

    assert {:error, %Error{code: :take_back_failed, message: message}} = result
    assert message == "install of release 1.1.0 failed (no room) and could not be undone: stuck"
    assert log =~ "restart the node: 1.0.0 is still permanent and boots"
    refute {:first, :undo} in asked()
    assert_receive {:alert, %{code: :take_back_failed, version: "1.1.0", running: "1.0.0", operation: :install}}
    assert {:failed, _entries} = journal(context.id)
  end

  test "what an undoing keeps before it fails stands in the history, in the error and in the facts", %{context: context} do
    lose = fn context ->
      {:ok, _context} = Context.keep_facts(Context.note(context, "3 rows were lost"), %{restored: 3})
      {:error, Error.new(:stuck, "stuck")}
    end

    {{:error, error}, _log} = walk(context, [{{:third, :run}, failure()}, {{:second, :undo}, lose}])
    assert error.message =~ "could not be undone: stuck; 3 rows were lost"
    {:ok, deployment} = Metadata.get_deployment(context.id)
    assert deployment.reason =~ "could not be undone: stuck; 3 rows were lost"
    assert deployment.facts == %{notes: ["3 rows were lost"], restored: 3}
  end

  test "a step that cannot even say whether it happened is no reason to go on undoing", %{context: context} do
    {result, _log} = walk(context, [{{:third, :run}, failure()}, {{:second, :happened?}, fn _ -> raise "blind" end}])
    assert {:error, %Error{code: :take_back_failed, message: message}} = result
    assert message =~ "blind"
    refute {:first, :undo} in asked()
  end

  test "a step that is not needed leaves no trace", %{context: context} do
    assert {:ok, _log} = walk(context, [{{:second, :needed?}, false}])
    assert journal(context.id) == {:installed, [{:first, :run, :ok}, {:third, :run, :ok}]}
  end

  test "what the undoing of a step notes stands in the history and in the error", %{context: context} do
    note = fn context -> {:ok, Context.note(context, "3 rows were lost")} end
    {result, _log} = walk(context, [{{:third, :run}, failure()}, {{:second, :undo}, note}])
    assert {:error, %Error{code: :full, message: "no room; 3 rows were lost"}} = result
    {:ok, [deployment | _]} = Metadata.get_deployment_history()
    assert %{reason: "no room; 3 rows were lost", facts: %{notes: ["3 rows were lost"]}} = deployment
  end

  test "what a step notes on the way stands in the history of a deployment that went through", %{context: context} do
    walk(context, [{{:second, :run}, fn context -> {:ok, Context.note(context, "without a backup")} end}])
    {:ok, [deployment | _]} = Metadata.get_deployment_history()
    assert %{outcome: :installed, reason: "without a backup"} = deployment
  end

  defmodule Failing do
    use Bloom.Deployment.Step

    @impl true
    def name, do: :failing

    @impl true
    def run(_context), do: {:error, Error.new(:late, "too late")}
  end

  test "after the decisive step a failure is told, and nothing is undone", %{context: context} do
    decisive = Steps.decisive(:install)
    {result, log} = with_log(fn -> Walk.forward([Failing], context, [decisive, First]) end)
    assert {:error, %Error{code: :late}} = result
    assert log =~ "too late"
    assert asked() == []
    assert {:installed, [{:failing, :run, {:error, "too late"}}]} = journal(context.id)
    {:ok, [deployment | _]} = Metadata.get_deployment_history()
    assert deployment.reason == "too late"
  end

  test "after the decisive step a failure or a late cancel keeps no other step from being done", %{context: context} do
    decisive = Steps.decisive(:install)
    Status.cancel()
    {result, _log} = with_log(fn -> Walk.forward([Failing, Third], context, [decisive, First]) end)
    assert {:error, %Error{code: :late}} = result
    assert asked() == [third: :run]
    assert {:installed, [{:failing, :run, {:error, "too late"}}, {:third, :run, :ok}]} = journal(context.id)
  end

  test "after the decisive step, a journal that cannot be written leaves the deployment open", %{context: context} do
    {:ok, _rows} = Store.query("CREATE TRIGGER full BEFORE INSERT ON steps BEGIN SELECT RAISE(ABORT, 'no room'); END")
    on_exit(fn -> {:ok, _rows} = Store.query("DROP TRIGGER full") end)

    {{:error, error}, log} =
      with_log(fn -> Walk.forward([Second, Third], context, [Steps.decisive(:install), First]) end)

    assert %Error{code: :not_settled, message: message} = error
    assert message =~ "install of release 1.1.0 took effect and could not be completed: "
    assert log =~ "a deployment is left open"
    assert asked() == []
    assert {nil, []} = journal(context.id)
  end

  test "a removal that cannot be completed ends all the same", %{context: context} do
    context = %{context | operation: :remove}
    {result, _log} = with_log(fn -> Walk.complete([Failing], context) end)
    assert {:error, %Error{code: :late}} = result
    assert {:failed, _entries} = journal(context.id)
  end

  test "facts that a step keeps are in the journal", %{context: context} do
    keep = fn context -> Context.keep_facts(context, %{kept: 1}) end
    walk(context, [{{:second, :run}, keep}])
    {:ok, [deployment | _]} = Metadata.get_deployment_history()
    assert deployment.facts == %{kept: 1}
  end

  test "facts that a step keeps before it fails or crashes stay, and its undoing knows them", %{context: context} do
    test = self()

    for how <- [fn -> failure() end, fn -> raise "boom" end, fn -> throw(:boom) end] do
      keep = fn context -> {Context.keep_facts(context, %{kept: 1}), how.()} |> elem(1) end
      undo = fn context -> send(test, {:knows, context.facts}) && :ok end
      {{:error, _error}, _log} = walk(context, [{{:second, :run}, keep}, {{:second, :undo}, undo}])
      assert_received {:knows, %{kept: 1}}
      {:ok, [deployment | _]} = Metadata.get_deployment_history()
      assert deployment.facts == %{kept: 1}
    end
  end
end
