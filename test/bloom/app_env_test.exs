defmodule Bloom.AppEnvTest do
  # Puts the environments of all applications back.
  use ExUnit.Case, async: false

  alias Bloom.AppEnv

  doctest AppEnv

  defmodule Told do
    use Application

    @impl true
    def start(_type, test) do
      :persistent_term.put(__MODULE__, test)
      {:ok, spawn_link(fn -> receive(do: (:never -> :ok)) end)}
    end

    @impl true
    def config_change(changed, new, removed),
      do: :persistent_term.get(__MODULE__) |> send({:told, changed, new, removed}) && :ok
  end

  describe "merge/3" do
    test "the target wins where it says something new" do
      assert [app: [a: 2]] = AppEnv.merge([app: [a: 1]], [app: [a: 2]], app: [a: 1])
      assert [app: [a: 2]] = AppEnv.merge([app: [a: 1]], [app: [a: 2]], app: [a: 7])
    end

    test "what the running system has put stays" do
      assert [app: [a: 1, b: 5]] = AppEnv.merge([app: [a: 1]], [app: [a: 1]], app: [a: 1, b: 5])
    end

    test "what the target no longer configures goes" do
      assert [app: []] = AppEnv.merge([app: [a: 1]], [app: []], app: [a: 1])
    end

    test "applications that the target does not have are left out" do
      assert [] = AppEnv.merge([app: [a: 1]], [], app: [a: 1])
    end
  end

  describe "split/1" do
    test "keeps apart what sys.config cannot say" do
      fun = fn -> 1 end

      assert {[app: [a: "ü", b: ~c"ü"]], [app: [c: ^fun, d: _pid]]} =
               AppEnv.split(app: [a: "ü", b: ~c"ü", c: fun, d: self()])
    end

    test "what is written reads back the same" do
      env = [app: [a: "ü", b: ~c"ü", c: %{1.5 => {:x, &String.length/1}}, "odd key": [{~r/x/, nil}]]]
      {written, []} = AppEnv.split(env)
      path = Path.join(System.tmp_dir!(), "app_env_#{System.unique_integer([:positive])}.config")
      on_exit(fn -> File.rm(path) end)
      File.write!(path, written |> AppEnv.to_sys_config() |> IO.chardata_to_string())
      assert {:ok, [^env]} = :file.consult(path)
    end
  end

  @tag :capture_log
  test "what is put is told to applications that run" do
    :ok = :application.load({:application, :bloom_env_told, [vsn: ~c"1.0.0", mod: {Told, self()}, env: [a: 1, b: 1]]})
    :ok = :application.start(:bloom_env_told)
    on_exit(fn -> :application.stop(:bloom_env_told) && :application.unload(:bloom_env_told) end)

    assert :ok = AppEnv.put(bloom_env_told: [a: 2, b: 1, c: 3])
    assert_received {:told, [a: 2], [c: 3], []}
    assert :ok = AppEnv.put(bloom_env_told: [a: 2])
    refute_received {:told, _changed, _new, _removed}
  end

  test "a snapshot brings environment and versions back" do
    :ok = :application.load({:application, :bloom_env_probe, [vsn: ~c"1.0.0", env: [kept: 1]]})
    on_exit(fn -> :application.unload(:bloom_env_probe) end)
    Application.put_env(:bloom_env_probe, :put, fn -> 1 end)
    snapshot = AppEnv.snapshot()

    changed = {:application, :bloom_env_probe, [vsn: ~c"2.0.0", env: [kept: 2, new: 3]]}
    :ok = :application_controller.change_application_data([changed], bloom_env_probe: [kept: 9])
    assert Application.spec(:bloom_env_probe, :vsn) == ~c"2.0.0"

    assert :ok = AppEnv.restore(snapshot)
    assert Application.spec(:bloom_env_probe, :vsn) == ~c"1.0.0"
    assert [kept: 1, put: put] = Enum.sort(Application.get_all_env(:bloom_env_probe))
    assert put.() == 1
  end
end
