using System.Text;

namespace Millrace.Tool.Scaffold;

/// <summary>The files of a first scaffold.</summary>
internal sealed class FirstFiles(string name, string database, RowShape root, IReadOnlyList<RowShape> children)
{
    static readonly string[] StateWords = ["status", "state", "priority", "stage", "phase"];

    string Entity => root.Entity;

    /// <summary>The column whose changes the first event tells of: one that looks like a state, else the first that is text or number.</summary>
    RowProperty? Watched =>
        root.Properties.FirstOrDefault(property => Can(property) && Looks(property.Column.Name)) ?? root.Properties.FirstOrDefault(Can);

    static bool Can(RowProperty property) =>
        !property.IsKey && property.Shape.Type is "string" or "int" or "long" or "short" or "sbyte" or "byte" or "bool" or "uint";

    static bool Looks(string column) => StateWords.Any(word => column.Contains(word, StringComparison.OrdinalIgnoreCase));

    public IEnumerable<(string Path, string Text)> Files(string domainProject, string testProject)
    {
        yield return ($"{name}/{name}.csproj", domainProject);
        yield return ($"{name}/Rows.cs", Rows());
        yield return ($"{name}/{Entity}.cs", Aggregate());
        yield return ($"{name}/{name}App.cs", App());
        yield return ($"{name}.Tests/{name}.Tests.csproj", testProject);
        yield return ($"{name}.Tests/{Entity}Tests.cs", Tests());
    }

    string Rows() =>
        $"""
            using Millrace;

            [assembly: Deterministic]

            namespace {name};

            // The tables as `millrace scaffold` saw them. They are yours: remove what you do not need, correct types (an enum instead of a string),
            // mark the business time with [OccurredAt]. Run scaffold again to see where the tables have moved on.

            {string.Join("\n", new[] { root }.Concat(children).Select(row => row.Source()))}
            """;

    string Aggregate()
    {
        var (watched, durable) = (Watched, Naming.Durable(Entity));
        var events = new List<(string Name, string Parameters, string Says)>
        {
            ("Created", "", "there is one that was not"),
            ("Imported", "", "it was there before anybody looked; nobody knows since when"),
            ("Deleted", "", "it is gone"),
        };
        if (watched is not null)
            events.Add(($"{watched.Name}Changed", $"{watched.Type} From, {watched.Type} To", $"its {watched.Column.Name} is another"));
        foreach (var child in children)
        {
            events.Add(($"{child.Entity}Added", "", $"a row of {child.Table.Table} came to it"));
            events.Add(($"{child.Entity}Removed", "", $"a row of {child.Table.Table} left it"));
        }
        var code = new StringBuilder(
            $$"""
            using System.Text.Json.Serialization;
            using Millrace;
            using static {{name}}.{{Entity}}Event;

            namespace {{name}};

            /// <summary>What happens to a {{Words(
                Entity
            )}}. Give the events your domain's words; the discriminator is the durable name.</summary>

            """
        );
        foreach (var (type, _, _) in events)
            code.Append($"[JsonDerivedType(typeof({type}), \"{durable}-{Naming.Durable(type)}\")]\n");
        code.Append($"public abstract record {Entity}Event\n{{\n    private {Entity}Event() {{ }} // closed: every event is here\n");
        foreach (var (type, parameters, says) in events)
            code.Append(
                $"\n    /// <summary>{char.ToUpperInvariant(says[0])}{says[1..]}.</summary>\n    public sealed record {type}{(parameters.Length > 0 ? $"({parameters})" : "")} : {Entity}Event;\n"
            );
        code.Append(
            $$"""
            }

            /// <summary>Only what the rows do not say.</summary>
            public sealed record {{Entity}}State(bool Deleted = false);

            public static class {{Entity}}
            {
                public static readonly Aggregate<{{Entity}}Event> Definition = Aggregate
                    .Named("{{durable}}")
                    .Root<{{root.Record}}>()
                    .Publishes<{{Entity}}Event>()
                    .State(new {{Entity}}State(), Evolve)
                    .OnChange<{{root.Record}}>(Decide){{string.Concat(
                children.Select(child => $"\n        .OnChange<{child.Record}>(Decide)")
            )}};

                // A change is a fact: any number of events, and no "no".
                static IEnumerable<{{Entity}}Event> Decide({{Entity}}State state, Change<{{root.Record}}> change, Context<{{root.Record}}> context)
                {
                    if (change is (null, { }))
                        yield return context.IsSnapshot ? new Imported() : new Created();

            """
        );
        if (watched is not null)
            code.Append(
                $$"""
                        if (change is ({ } was, { } now) && was.{{watched.Name}} != now.{{watched.Name}})
                            yield return new {{watched.Name}}Changed(was.{{watched.Name}}, now.{{watched.Name}});

                """
            );
        code.Append("        if (change is ({ }, null))\n            yield return new Deleted();\n    }\n");
        foreach (var child in children)
            code.Append(
                $$"""

                    static IEnumerable<{{Entity}}Event> Decide({{Entity}}State state, Change<{{child.Record}}> change, Context<{{root.Record}}> context)
                    {
                        if (state.Deleted)
                            yield break;
                        if (change is (null, { }))
                            yield return new {{child.Entity}}Added();
                        if (change is ({ }, null))
                            yield return new {{child.Entity}}Removed();
                    }

                """
            );
        code.Append(
            $$"""

                // The only place where state moves.
                static {{Entity}}State Evolve({{Entity}}State state, {{Entity}}Event e, Context context) =>
                    e switch
                    {
                        Deleted => state with { Deleted = true },
                        _ => state,
                    };
            }

            """
        );
        return code.ToString();
    }

    string App() =>
        $$"""
            using System.Text.Json.Serialization;
            using Millrace;

            namespace {{name}};

            [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
            [JsonSerializable(typeof({{Entity}}Event))]
            [JsonSerializable(typeof({{Entity}}State))]
            public sealed partial class {{name}}Json : JsonSerializerContext;

            /// <summary>The application as one value: for the host, the tests and the tools.</summary>
            public static class {{name}}App
            {
                public static readonly Topology Topology = Topology.Named("{{Naming.Durable(
                Naming.Pascal(database)
            )}}").Json({{name}}Json.Default).Add({{Entity}}.Definition);
            }

            """;

    string Tests()
    {
        var (id, words, watched) = (root.SampleId(), Words(Entity), Watched);
        var code = new StringBuilder(
            $$"""
            using Millrace;
            using Millrace.Testing;
            using Xunit;
            using static {{name}}.{{Entity}}Event;
            using static Millrace.Testing.Row;

            namespace {{name}}.Tests;

            public class {{Entity}}Tests
            {
                static readonly {{root.Record}} One = {{root.Sample()}};

                static Scenario Begin() => Scenario.Of({{name}}App.Topology);

                [Fact]
                public void A_new_{{words}}_is_created() => Begin().When(Insert(One)).Then({{Entity}}.Definition, {{id}}, new Created());

                [Fact]
                public void A_{{words}}_that_was_there_before_is_imported() =>
                    Begin().Snapshot(One).Then({{Entity}}.Definition, {{id}}, new Imported());

                [Fact]
                public void A_{{words}}_that_goes_is_deleted() =>
                    Begin().Given(Insert(One)).When(Delete(One)).Then({{Entity}}.Definition, {{id}}, new Deleted());

            """
        );
        if (watched is not null)
            code.Append(
                $$"""

                    [Fact]
                    public void Another_{{watched.Column.Name}}_is_told() =>
                        Begin()
                            .Given(Insert(One))
                            .When(Update(One with { {{watched.Name}} = {{watched.Shape.Other}} }))
                            .Then({{Entity}}.Definition, {{id}}, new {{watched.Name}}Changed({{watched.Shape.Sample}}, {{watched.Shape.Other}}));

                """
            );
        foreach (var child in children)
            code.Append(
                $$"""

                    [Fact]
                    public void A_{{Words(child.Entity)}}_before_its_{{words}}_waits()
                    {
                        {{child.Record}} child = {{child.Sample()}};
                        Begin()
                            .When(Insert(child))
                            .Then({{Entity}}.Definition, {{id}})
                            .When(Insert(One))
                            .Then({{Entity}}.Definition, {{id}}, new Created(), new {{child.Entity}}Added());
                    }

                """
            );
        return code.Append("}\n").ToString();
    }

    static string Words(string entity) => Naming.Words(entity);
}
