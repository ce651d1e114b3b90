defmodule Bloom.Test.Faults.Verdict do
  @moduledoc """
  What must hold of a node that has been through a fault, each with its own words where it does not.

  Nothing here asks Bloom for its opinion alone: files are compared with what the archives hold, loaded code with those
  files, and what the release handler, the launcher's files and the journal say with each other.
  """

  alias Bloom.Test.Faults.{Files, Modules, Scenario, Scenarios, Site}
  alias Bloom.Test.{DatabaseRelease, HTTP, Node}

  @timeout_ms 60_000
  @migrations %{"2.0.0-db" => ["20260101000000"], "2.1.0-db" => ["20260101000000", "20260201000000"]}

  @doc "Every reason why the node is not whole, or none. `versions` are those that it may run."
  @spec of(Node.t(), Site.t(), [String.t()]) :: [String.t()]
  def of(node, site, versions) do
    case await_settled(node) do
      :ok ->
        serving(node, site, versions) ++
          schema(node) ++
          hooks(node) ++
          agree(states(node)) ++ journal(node) ++ Files.problems(node, site, registered(node))

      {:busy, what} ->
        ["it does not settle in #{@timeout_ms} ms: #{inspect(what)}"]
    end
  end

  @doc """
  Every reason why the node does not serve one release as a whole: what must hold even while the disk is full, when
  nothing can be put in order.
  """
  @spec serving(Node.t(), Site.t(), [String.t()]) :: [String.t()]
  def serving(node, site, versions) do
    running = Node.get(node, "/version")
    application = garden_version(node)

    serves(node) ++
      expected(running, versions) ++
      if(application == running, do: [], else: ["#{running} runs, but the application garden says #{application}"]) ++
      code(node, site, running)
  end

  @doc "The versions that are registered."
  @spec registered(Node.t()) :: [String.t()]
  def registered(node) do
    Enum.sort(for %{version: version} <- Node.rpc(node, Bloom.ReleaseManager, :list_releases, []), do: version)
  end

  @doc "How often the node's boot guard has booted a release on trial."
  @spec trials(Node.t()) :: non_neg_integer()
  def trials(node), do: length(String.split(Node.log(node), "boots on trial")) - 1

  @doc "Waits until the node serves and neither a deployment nor a recovery nor a probation is in progress."
  @spec await_idle(Node.t()) :: :ok | {:busy, term()}
  def await_idle(node), do: await(node, &idle/1, now() + @timeout_ms)

  @doc "Waits until it is idle and nothing is left to be settled, in the journal or of a trial."
  @spec await_settled(Node.t()) :: :ok | {:busy, term()}
  def await_settled(node), do: await(node, &settled/1, now() + @timeout_ms)

  defp await(node, condition, deadline) do
    case condition.(node) do
      :ok -> :ok
      busy -> if now() > deadline, do: {:busy, busy}, else: receive(after: (20 -> await(node, condition, deadline)))
    end
  end

  @doc "Whether it is settled right now, or else what is not."
  @spec settled(Node.t()) :: :ok | term()
  def settled(node) do
    with :ok <- idle(node),
         [] <- Path.wildcard(Path.join(node.root, "releases/.bloom-trial*"), match_dot: true),
         {:ok, nil} <- Node.rpc(node, Bloom.Metadata, :unfinished_deployment, []) do
      :ok
    end
  catch
    # It may be on its way from one life of the VM to the next.
    kind, reason -> {kind, reason}
  end

  # It has to serve afterwards too: a VM that is being stopped has nothing in progress either, as Bloom has gone before it.
  defp idle(node) do
    with {:ok, 200, _version} <- HTTP.get(node.http_port, "/version"),
         :idle <- Node.rpc(node, Bloom, :status, []),
         {:ok, 200, _version} <- HTTP.get(node.http_port, "/version") do
      :ok
    end
  catch
    kind, reason -> {kind, reason}
  end

  defp now, do: System.monotonic_time(:millisecond)

  defp serves(node) do
    bed = "verdict-#{System.unique_integer([:positive])}"
    if Node.get(node, "/water?bed=#{bed}") == "1", do: [], else: ["it does not count what is watered"]
  end

  defp expected(running, versions) do
    if running in versions, do: [], else: ["it runs #{running}, not #{Enum.join(versions, " or ")}"]
  end

  # What a hook before a switch has paused, one after it or after its failure has resumed.
  defp hooks(node) do
    case File.read(Path.join(node.root, "hooks")) do
      {:ok, called} ->
        last = called |> String.split("\n", trim: true) |> List.last("")
        if last =~ ~r/^before/, do: ["no hook was called after #{inspect(last)}"], else: []

      {:error, :enoent} ->
        []
    end
  end

  # Everybody who is asked which release this is.
  defp states(node) do
    {:ok, current} = Node.rpc(node, Bloom.ReleaseManager, :current_release, [])
    handler = Node.rpc(node, :release_handler, :which_releases, [])
    erts = Node.rpc(node, :erlang, :system_info, [:version])

    %{
      current: "#{current.version} #{current.status}",
      expected_start: "#{erts} #{Node.get(node, "/version")}",
      start: node.root |> Path.join("releases/start_erl.data") |> File.read!(),
      releases: releases_file(node.root),
      handler: Enum.sort(for {_name, vsn, _libs, status} <- handler, do: {to_string(vsn), known_as(status)}),
      running: Node.get(node, "/version")
    }
  end

  defp releases_file(root) do
    case :file.consult(Path.join(root, "releases/RELEASES")) do
      {:ok, [entries]} ->
        Enum.sort(for {:release, _, vsn, _, _, status} <- entries, do: {to_string(vsn), known_as(status)})

      damaged ->
        damaged
    end
  end

  # Whether a release that does not run ever did is of no account.
  defp known_as(status) when status in [:unpacked, :old], do: :there
  defp known_as(status), do: status

  defp garden_version(node) do
    node |> Node.rpc(Application, :spec, [:garden, :vsn]) |> to_string() |> String.replace(~r/\+d\..*/, "")
  end

  defp agree(%{running: running} = states) do
    permanent = is_list(states.releases) && for {version, :permanent} <- states.releases, do: version

    for {true, text} <- [
          {states.current != "#{running} permanent", "current_release says #{states.current}"},
          {states.start != states.expected_start, "start_erl.data says #{inspect(states.start)}"},
          {permanent != [running], "RELEASES says #{inspect(states.releases)}"},
          {states.releases != states.handler,
           "release_handler knows #{inspect(states.handler)}, RELEASES #{inspect(states.releases)}"}
        ],
        do: "#{running} runs, but #{text}"
  end

  # The journal has nothing left to settle, and what it says was committed last is what runs.
  defp journal(node) do
    running = Node.get(node, "/version")

    with :ok <- Node.rpc(node, Bloom.Metadata, :status, []),
         {:ok, nil} <- Node.rpc(node, Bloom.Metadata, :unfinished_deployment, []),
         {:ok, history} <- Node.rpc(node, Bloom.Metadata, :get_deployment_history, []) do
      committed = for %{outcome: :committed, version: version} <- history, do: version
      last = List.first(committed, first(running))

      if(last == running, do: [], else: ["#{running} runs, but the journal says that #{last} was committed last"]) ++
        for(%{outcome: nil} = deployment <- history, do: "the journal has no outcome of #{inspect(deployment)}") ++
        for(deployment <- history, unexplained?(deployment), do: "the journal does not say why: #{inspect(deployment)}") ++
        for(version <- removed(history), version in registered(node), do: "#{version} was removed, and is registered")
    else
      {:ok, unfinished} -> ["the journal has an unfinished deployment: #{inspect(unfinished)}"]
      {:error, error} -> ["the journal cannot be relied on: #{inspect(error)}"]
    end
  end

  defp unexplained?(%{outcome: outcome, reason: reason}) do
    outcome in [:failed, :taken_back, :cancelled] and (reason == nil or String.trim(reason) == "")
  end

  # What has not been installed again since.
  defp removed(history) do
    latest = for %{operation: operation} = deployment <- history, operation in [:install, :remove], do: deployment
    for %{outcome: :removed, version: version} <- Enum.uniq_by(latest, & &1.version), do: version
  end

  # Where nothing was committed, it is what was deployed before Bloom was asked for anything.
  defp first(running), do: Enum.find(Scenarios.all(), hd(Scenarios.all()), &(&1.first == running)).first

  # The migrations of the running release, all of them and no other, and code that can use what they made.
  defp schema(node) do
    case @migrations[Node.get(node, "/version")] do
      nil ->
        []

      expected ->
        applied = DatabaseRelease.applied(Site.database(node.root))
        used = HTTP.get(node.http_port, "/store")

        if(applied == expected,
          do: [],
          else: ["the migrations #{inspect(applied)} are applied, not #{inspect(expected)}"]
        ) ++
          if(match?({:ok, 200, _store}, used), do: [], else: ["it cannot read its database: #{inspect(used)}"])
    end
  end

  defp code(node, site, running) do
    known = Modules.of(Site.pristine(site, running), running)

    for {module, md5} <- Modules.loaded(node), Map.get(known, module, md5) != md5 do
      "#{module} does not run the code of #{running}"
    end
  end

  @doc """
  Has the node do a good deployment, and says what is wrong with it afterwards.

  Where the node first has to restart to settle what a full disk kept it from settling, it is asked again after that.
  """
  @spec good_deployment(Node.t(), Site.t(), Scenario.t()) :: [String.t()]
  def good_deployment(node, site, scenario, tries \\ 1) do
    next = Scenario.next(scenario, Node.get(node, "/version"))
    starts = Node.starts(node)
    # It is not this one's probation that is looked at.
    Node.rpc(node, Application, :put_env, [:bloom, :probation_ms, 100])

    case switch(node, next) do
      :ok ->
        lost = of(node, site, [next]) ++ Files.unfinished_removal(node)
        for text <- lost, do: "after a good deployment: #{text}"

      {:error, text} ->
        cond do
          tries > 0 and text =~ "by a restart: try again when the node is back" ->
            again_after_restart(node, site, scenario, starts)

          # What was left to be settled came first, and went back to it.
          tries > 0 and text =~ "release #{next} is running already" ->
            again(node, site, scenario, "after settling")

          true ->
            ["a good deployment of #{next} afterwards fails: #{text}"]
        end
    end
  catch
    kind, reason -> ["a good deployment afterwards fails: #{Exception.format_banner(kind, reason)}"]
  end

  defp again_after_restart(node, site, scenario, starts) do
    :ok = Node.await_start(node, starts + 1)
    again(node, site, scenario, "after settling by a restart")
  end

  defp again(node, site, scenario, whence) do
    lost = for text <- of(node, site, [scenario.from, scenario.to]), do: "#{whence}: #{text}"
    lost ++ good_deployment(node, site, scenario, 0)
  end

  # An interrupted installation may have come to its end or not.
  defp switch(node, version) do
    case Scenario.call(node, Scenario.switch(version)) do
      {:error, "Release not found" <> _rest} ->
        with :ok <- Scenario.call(node, {:install_release, [version]}),
             do: Scenario.call(node, Scenario.switch(version))

      answer ->
        answer
    end
  end
end
