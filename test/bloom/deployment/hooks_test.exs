defmodule Bloom.Deployment.HooksTest do
  # Hooks that end the VM: all there is of them in its next life are rows of the journal without an end.
  use ExUnit.Case, async: false

  import ExUnit.CaptureLog

  alias Bloom.Deployment.{Context, Hooks}
  alias Bloom.{Metadata, Root}

  def told(_info, kind), do: send(:persistent_term.get(__MODULE__), {:called, kind}) && :ok

  setup do
    :persistent_term.put(__MODULE__, self())
    hooks = for kind <- [:after, :failure], do: {kind, [{__MODULE__, :told, [kind]}]}
    Application.put_env(:bloom, :hooks, hooks)
    on_exit(fn -> Application.delete_env(:bloom, :hooks) end)

    {:ok, id} = Metadata.start_deployment(%{operation: :switch, version: "1.1.0", from_version: "1.0.0"})
    on_exit(fn -> Metadata.finish_deployment(id, :failed, "a test") end)

    %{
      context: %Context{id: id, operation: :switch, version: "1.1.0", root: %Root{path: "", name: "", running: "1.0.0"}}
    }
  end

  defp begin(context, step) do
    {:ok, row} = Metadata.start_step(context.id, step, :run)
    row
  end

  for {kind, step, other} <- [{:after, :after_hooks, :failure_hooks}, {:failure, :failure_hooks, :after_hooks}] do
    test "those of #{kind} are called a third time, and not a fourth", %{context: context} do
      for _life <- 1..3, do: begin(context, unquote(step))
      for _life <- 1..3, do: begin(context, unquote(other))
      assert %{facts: %{hooks: [%{result: :ok}]}} = Hooks.run_each(context, unquote(kind))
      assert_received {:called, unquote(kind)}

      begin(context, unquote(step))
      {context, log} = with_log(fn -> Hooks.run_each(context, unquote(kind)) end)
      refute_received {:called, _kind}
      note = "the #{unquote(kind)} hooks were begun 3 times and never came to their end, so they are not called again"
      assert Context.notes_text(context) == note
      assert log =~ note
    end
  end

  test "what came to its end is no reason", %{context: context} do
    for _life <- 1..5, do: :ok = Metadata.finish_step(begin(context, :after_hooks), :ok, nil)
    begin(context, :after_hooks)
    Hooks.run_each(context, :after)
    assert_received {:called, :after}
  end
end
