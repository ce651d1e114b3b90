defmodule Bloom.Hook.EntryTest do
  use ExUnit.Case, async: true

  alias Bloom.Hook.Entry

  doctest Entry

  test "hooks run by priority, the lowest first, and else in the order of the list" do
    hooks = [
      before: [{M, :first, []}, {{M, :last, []}, priority: 90}, {M, :second, []}, {{M, :early, []}, priority: -1}]
    ]

    assert ["M.early/1", "M.first/1", "M.second/1", "M.last/1"] = for(entry <- Entry.of(hooks, :before), do: entry.name)
    assert Entry.of(hooks, :after) == []
  end

  test "a kind that is named twice has the hooks of both lists" do
    hooks = [
      before: [{M, :first, []}],
      after: [{M, :other, []}],
      before: [{M, :second, []}, {{M, :early, []}, priority: 1}]
    ]

    assert Entry.hooks?(hooks)
    assert ["M.early/1", "M.first/1", "M.second/1"] = for(entry <- Entry.of(hooks, :before), do: entry.name)
  end

  test "a module is called by the callback of its kind" do
    for {kind, callback} <- [before: :before_deployment, after: :after_deployment, failure: :deployment_failed] do
      assert [%Entry{code: {M, ^callback, []}, retries: 3}] = Entry.of([{kind, [{M, retries: 3}]}], kind)
    end
  end

  test "what is none is refused" do
    for hooks <- [
          nil,
          [M],
          [during: []],
          [before: M],
          [before: [M | M]],
          [before: [nil]],
          [before: [fn -> :ok end]],
          [before: [{M, :f}]],
          [before: [{M, :f, [:a | :b]}]],
          [before: [{M, :f, []}, {M, timeout_ms: 0}]],
          [before: [{M, retries: -1}]],
          [before: [{M, colour: :green}]],
          [before: [{{M, [retries: 1]}, retries: 1}, "M"]]
        ] do
      refute Entry.hooks?(hooks), inspect(hooks)
    end
  end
end
