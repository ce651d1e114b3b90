defmodule Mix.Tasks.Bloom.Deploy do
  @shortdoc "Deploys a release that was built here to a server"

  @moduledoc """
  Brings the archive of a release to the server, installs it, switches to it, and waits until it has passed its probation
  and is committed, or was taken back.

      MIX_ENV=prod mix release
      mix bloom.deploy 1.2.0 --target user@host:/opt/my_app

  The archive is verified here first. To another machine it is copied over ssh, under a temporary name, and renamed when
  its digest there is that of the archive here; one that is there already is not sent again.

  Ctrl-C (twice, as with every Mix task) leaves the deployment to the node: `mix bloom.follow` watches it, `mix bloom.cancel` stops it.

  ## Options

    * `--archive PATH` - the archive; `_build/prod/NAME-VERSION.tar.gz` by default
    * `--release NAME` - the NAME in it, where the project has several releases
    * `--mode hot` - only while the node runs, else end with 4; `--mode restart` - with a restart in any case
    * `--force` - try a version again that did not pass its trial
    * `--no-wait` - do not wait for the end of the probation
    * `--timeout SECONDS` - how long the node may be away in a restart, 600 by default
    * `--json` - one JSON object a line

  #{Bloom.MixTask.about_target()}\
  """

  use Mix.Task

  alias Bloom.{Error, MixTask, Native, Remote}
  alias Bloom.CLI.{Output, Words}
  alias Bloom.Remote.Upload

  @task "bloom.deploy"

  @impl true
  def run(args) do
    if MixTask.help?(args), do: MixTask.help(@task), else: args |> parse() |> deploy(MixTask.output(args))
  end

  defp parse(args) do
    {target, args} = MixTask.target(@task, args)
    {archive, args} = take(args, "--archive")
    {release, args} = take(args, "--release")
    {version, args} = version(args)
    %{target: target, version: version, archive: archive || default(release, version), args: args}
  end

  defp take(args, option) do
    case MixTask.take(args, option) do
      {:ok, value, args} -> {value, args}
      :error -> MixTask.usage(@task, "#{option} lacks its value")
    end
  end

  defp version(args) do
    case Enum.split_while(args, &(Version.parse(&1) == :error)) do
      {before, [version | others]} -> {version, before ++ others}
      {_args, []} -> MixTask.usage(@task, "name the version to deploy, like 1.2.0")
    end
  end

  # Whatever environment this task runs in, what is deployed is what was built for production.
  defp default(release, version) do
    Path.join([Path.dirname(Mix.Project.build_path()), "prod", "#{release || release_name()}-#{version}.tar.gz"])
  end

  defp release_name do
    config = Mix.Project.config()

    case {config[:default_release], Keyword.keys(config[:releases] || [])} do
      {nil, [name]} -> name
      {nil, []} -> config[:app] || MixTask.usage(@task, "name the release with --release")
      {nil, names} -> MixTask.usage(@task, "name the release with --release: #{Enum.join(names, ", ")}")
      {name, _names} -> name
    end
  end

  defp deploy(%{target: target, archive: archive, version: version, args: args}, output) do
    with :ok <- built(archive),
         {:ok, verified} <- Native.archive_verify(archive, %{version: version}),
         {:ok, path} <- bring(target, archive, verified, output) do
      target |> Remote.run(["deploy", version, "--archive", path | args]) |> MixTask.finish()
    else
      {:error, error} -> MixTask.fail(output, "deploy", error)
    end
  end

  defp built(archive) do
    if File.regular?(archive) do
      :ok
    else
      {:error,
       Error.new(:archive_not_found, "there is no archive #{archive}",
         suggestions: ["build it with MIX_ENV=prod mix release, or name it with --archive"]
       )}
    end
  end

  # bin/bloom itself copies what is on its own machine.
  defp bring(%{host: nil}, archive, _verified, _output), do: {:ok, Path.expand(archive)}

  defp bring(%{host: host, root: root} = target, archive, %{name: name, version: version}, output) do
    file = "#{name}-#{version}.tar.gz"
    path = Path.join([root, "releases", file])
    {:ok, %{size: size}} = File.stat(archive)
    event = event(version, System.monotonic_time(:millisecond))
    Output.event(output, event.(0, size), ["bringing #{file} (#{Words.megabytes(size)} MB) to #{host}"])
    progress = &Output.progress(output, event.(&1, &2), part(&1, &2))

    with {:ok, how} <- Upload.run(target, archive, path, progress) do
      text = if how == :sent, do: "#{file} is there", else: "#{file} was there already"
      Output.event(output, event.(size, size), [text])
      {:ok, path}
    end
  end

  defp part(done, size), do: "#{Words.megabytes(done)} of #{Words.megabytes(size)} MB (#{div(100 * done, size)} %)"

  # As the events of the deployment that follows.
  defp event(version, started) do
    fn done, size ->
      %{
        event: :progress,
        operation: :deploy,
        version: version,
        stage: :upload,
        progress: {done, size},
        elapsed_ms: System.monotonic_time(:millisecond) - started,
        probation_left_ms: nil
      }
    end
  end
end
