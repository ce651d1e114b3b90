defmodule Bloom.Plan.Archives do
  @moduledoc """
  The plan of an upgrade from two archives, where no node runs: at build time.

  Both are verified and unpacked into one scratch directory, as on a node, and the files of the older one stand for what
  is loaded. Two things only a node knows: whether its code was changed by hand, and what the rehearsal finds
  (`code_change` on live state, children of supervisors).
  """

  alias Bloom.{Error, Native, Plan, Root, Scratch}

  @doc """
  Plans the way from the release in one archive to that in the other.

  Paths in the plan are relative to the root of the release.

      Bloom.Plan.Archives.make("my_app-1.0.0.tar.gz", "my_app-1.1.0.tar.gz")
      #=> {:ok, %Bloom.Plan{decision: :hot, ...}}
  """
  @spec make(Path.t(), Path.t(), Native.watch()) :: {:ok, Plan.t()} | {:error, Error.t()}
  def make(old, new, watch \\ %{}) do
    with :ok <- there(old), :ok <- there(new), do: Scratch.run("plan", &make_in(&1, old, new, watch))
  end

  defp there(archive) do
    if File.regular?(archive) do
      :ok
    else
      {:error,
       Error.new(:archive_not_found, "there is no archive #{archive}",
         suggestions: ["build it with `mix release`, or name the path it lies at"]
       )}
    end
  end

  defp make_in(path, old, new, watch) do
    Enum.each(["lib", "releases"], &File.mkdir_p!(Path.join(path, &1)))

    with {:ok, from} <- stage(old, Map.put(watch, :root, path)),
         {:ok, to} <- stage_other(new, from, Map.merge(watch, %{root: path, name: from.name})),
         root = %Root{path: path, name: from.name, running: from.version},
         {:ok, code} <- code(root, old),
         {:ok, plan} <- Plan.from(root, to.version, code) do
      {:ok, plan |> tried() |> relative(path)}
    end
  end

  # What the plan itself makes of the changes is in order; what somebody has written by hand may not be.
  defp tried(%Plan{decision: :hot} = plan) do
    with true <- Enum.any?(plan.applications, &match?({:hand_written, _path}, &1.appup)),
         {:error, message} <- Plan.Instructions.try_out(plan) do
      %{plan | decision: :refuse, reasons: [%{code: "invalid_relup", message: message, application: nil, module: nil}]}
    else
      _in_order -> plan
    end
  end

  defp tried(plan), do: plan

  defp stage(archive, request) do
    case Native.archive_stage(archive, request) do
      {:ok, staged} -> {:ok, staged.verified}
      {:error, error} -> {:error, %{error | message: "#{archive}: #{within(error.message, request.root)}"}}
    end
  end

  defp stage_other(archive, %{version: version}, request) do
    case stage(archive, request) do
      {:ok, %{version: ^version}} -> same_version(archive, version)
      {:error, %Error{code: :already_staged}} -> same_version(archive, version)
      result -> result
    end
  end

  defp same_version(archive, version) do
    {:error,
     Error.new(:same_version, "#{archive}: it is release #{version} as well, and a node that runs it refuses it",
       suggestions: ["give the release a new version in mix.exs"]
     )}
  end

  # Read in Rust, as no atoms are made of what an archive says.
  defp code(root, archive) do
    with {:ok, %{releases: releases}} <- Native.inventory(root.path),
         %{needs: needs} = Enum.find(releases, &(&1.version == root.running)),
         [erts] <- for("erts-" <> version <- needs, do: version) do
      apps = for "lib/" <> library <- needs, do: app(root, library)
      {:ok, %{erts: erts, apps: apps, consolidated: Plan.consolidated(root), loaded: []}}
    else
      {:error, error} ->
        {:error, error}

      _not_one ->
        {:error,
         Error.new(:rel_mismatch, "#{archive}: its .rel and its manifest do not say the same",
           suggestions: ["build the release again"]
         )}
    end
  end

  defp app(root, library) do
    [name, version] = String.split(library, "-", parts: 2)
    %{name: name, version: version, dir: Path.join([root.path, "lib", library])}
  end

  # The scratch directory is gone when somebody reads this.
  defp relative(plan, path) do
    shorten = fn reason -> %{reason | message: within(reason.message, path)} end

    applications =
      for app <- plan.applications do
        with %{appup: {:hand_written, appup}} <- app, do: %{app | appup: {:hand_written, Path.relative_to(appup, path)}}
      end

    %{
      plan
      | root: ".",
        reasons: Enum.map(plan.reasons, shorten),
        warnings: Enum.map(plan.warnings, shorten),
        applications: applications
    }
  end

  defp within(message, path), do: String.replace(message, path <> "/", "")
end
