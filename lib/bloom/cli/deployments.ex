defmodule Bloom.CLI.Deployments do
  @moduledoc "The commands that deploy, with live progress, and `follow`, which joins in."

  alias Bloom.CLI.{Arguments, Output, Remote, Session, Upload, Watch}

  @wished [:committed, :installed]

  # These are values, so that no atom is made of what was typed.
  @modes %{"auto" => :auto, "hot" => :hot, "restart" => :restart}

  @doc "Deploys."
  @spec run(Arguments.t(), Session.t()) :: Output.result()
  def run(%{command: "deploy", arguments: [version], options: options}, session) do
    with {:done, data, lines} <- installed(session, version, options) do
      Output.event(session.output, Map.put(data, :event, :installed), lines)
      switch(session, :switch, version, options)
    end
  end

  def run(%{command: "install", arguments: [version], options: options}, session) do
    with :ok <- upload(session, version, options), do: deploy(session, :install, version, [version])
  end

  def run(%{command: "switch", arguments: [version], options: options}, session) do
    switch(session, :switch, version, options)
  end

  def run(%{command: "rollback", options: options}, session), do: switch(session, :rollback, nil, options)

  def run(%{command: "follow"}, session) do
    with {:ok, history} <- Remote.call(session.remote, :history, [[limit: 1]]),
         {:ok, status} when is_map(status) <- Remote.call(session.remote, :status) do
      subject = %{operation: status.operation, version: status.version, since: before(history)}
      session |> Watch.join(subject) |> ended(subject)
    else
      {:ok, :idle} -> {:done, %{deployment: nil}, ["no deployment is in progress"]}
      {:error, error} -> {:error, error}
    end
  end

  # One that is installed is not installed again, so that a deployment that was left can be asked for again.
  defp installed(session, version, options) do
    with {:ok, releases} <- Remote.call(session.remote, :list) do
      if Enum.any?(releases, &(&1.version == version)) and it?(version, options[:archive]) do
        {:done, %{version: version}, ["#{version} is installed already"]}
      else
        with :ok <- upload(session, version, options), do: deploy(session, :install, version, [version])
      end
    end
  end

  defp it?(_version, nil), do: true
  defp it?(version, archive), do: Upload.installed?(System.get_env("RELEASE_ROOT", ""), version, archive)

  defp upload(session, version, options) do
    if archive = options[:archive], do: Upload.run(session, version, archive), else: :ok
  end

  defp switch(session, operation, version, options) do
    wait = if options[:no_wait], do: :probation, else: :commit
    opts = [wait: wait, mode: Map.fetch!(@modes, options[:mode] || "auto"), force: options[:force] == true]
    deploy(session, operation, version, if(version, do: [version, opts], else: [opts]), options[:no_wait] == true)
  end

  defp deploy(session, operation, version, arguments, no_wait \\ false) do
    with {:ok, history} <- Remote.call(session.remote, :history, [[limit: 1]]) do
      subject = %{operation: operation, version: version, since: since(operation, history), no_wait: no_wait}
      session |> Watch.run(subject, arguments) |> ended(subject)
    end
  end

  # A rollback of what is on probation ends that deployment, and is none of its own.
  defp since(:rollback, history), do: before(history)
  defp since(_operation, history), do: latest(history)

  defp before([%{outcome: nil, id: id}]), do: id - 1
  defp before(history), do: latest(history)

  defp latest([%{id: id}]), do: id
  defp latest([]), do: 0

  defp ended(:interrupted, subject) do
    {:interrupted, data(subject, nil),
     [
       {:yellow, "#{what(subject)} goes on in the node."},
       "  watch it:  bin/bloom follow",
       "  stop it:   bin/bloom cancel"
     ]}
  end

  # What the journal has is the one in progress, and not what was asked for.
  defp ended({:ended, {:error, %{code: :deployment_in_progress} = error}, _other}, subject) do
    suggestions = ["watch it with bin/bloom follow, or stop it with bin/bloom cancel"]
    {:error, %{error | suggestions: suggestions}, data(subject, nil)}
  end

  defp ended({:ended, {:error, error}, deployment}, subject), do: {:error, error, data(subject, deployment)}

  defp ended({:ended, _done, %{outcome: outcome} = deployment}, subject) when outcome != nil do
    if wished?(deployment, subject) do
      {:done, data(subject, deployment), [{:green, done(deployment)}]}
    else
      {:error, failure(deployment), data(subject, deployment)}
    end
  end

  # On probation still, or something that the history does not have.
  defp ended({:ended, _done, deployment}, subject) do
    {:done, data(subject, deployment), [{:green, "#{what(subject)}: done"}]}
  end

  defp wished?(%{operation: :switch, outcome: outcome}, %{operation: :rollback}),
    do: outcome in [:cancelled, :taken_back]

  defp wished?(%{outcome: outcome}, _subject), do: outcome in @wished

  defp done(%{operation: :install, version: version}), do: "#{version} is installed"

  defp done(%{outcome: :committed, version: version} = deployment),
    do: "#{version} runs and is committed#{note(deployment)}"

  defp done(%{from_version: from, version: version}), do: "#{version} was taken back, #{from} runs"

  defp note(%{reason: nil}), do: ""
  defp note(%{reason: reason}), do: " (#{reason})"

  defp failure(deployment) do
    code = if stuck?(deployment), do: :take_back_failed, else: deployment.outcome
    message = deployment.reason || "#{what(deployment)} ended: #{deployment.outcome}"
    %{code: code, message: message, suggestions: ["see bin/bloom history, and the log of the node"]}
  end

  defp stuck?(%{outcome: :failed, steps: steps}),
    do: Enum.any?(steps, &match?(%{phase: :undo, result: {:error, _text}}, &1))

  defp stuck?(_deployment), do: false

  defp data(subject, nil), do: %{operation: subject.operation, version: subject.version, deployment: nil}

  defp data(subject, deployment) do
    %{operation: subject.operation, version: deployment.version, deployment: Map.delete(deployment, :steps)}
  end

  defp what(%{operation: operation, version: nil}), do: "the #{operation}"
  defp what(%{operation: operation, version: version}), do: "the #{operation} of #{version}"
end
