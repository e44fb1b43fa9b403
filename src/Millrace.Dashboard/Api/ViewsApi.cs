using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Millrace;

/// <summary>The documents of a view, by key or in the order of an index.</summary>
internal static class ViewsApi
{
    private const int MostListed = 1000;

    public static void Map(RouteGroupBuilder group) =>
        group.MapGet(
            "/api/views/{name}",
            (string name, string? key, string? index, bool? descending, int? take, Topology topology, IServiceProvider services) =>
            {
                if (topology.Views.FirstOrDefault(view => view.Name == name) is not { } view)
                {
                    return Missing($"There is no view \"{name}\".");
                }
                if (index is { Length: > 0 } && !view.IndexNames.Contains(index))
                {
                    return Missing($"The view \"{name}\" has no index \"{index}\".");
                }
                var question = new Question(services, topology, key, index, descending ?? false, Math.Clamp(take ?? 100, 1, MostListed));
                return Results.Json(view.Visit(question), DashboardJson.Default.DocumentsAnswer);
            }
        );

    private static IResult Missing(string why) =>
        Results.Json(new Failure(why), DashboardJson.Default.Failure, statusCode: StatusCodes.Status404NotFound);

    private sealed class Question(IServiceProvider services, Topology topology, string? key, string? index, bool descending, int take)
        : IViewVisitor<DocumentsAnswer>
    {
        public DocumentsAnswer Visit<TDocument>(View<TDocument> view)
            where TDocument : class
        {
            var reader = services.GetRequiredService<IView<TDocument>>();
            var json = topology.JsonType<TDocument>();
            var found =
                key is { Length: > 0 } ? One(reader, key)
                : index is { Length: > 0 } ? view.Indexes.First(known => known.Name == index).Range(reader, descending)
                : reader.All();
            // One more than asked for says that there are more.
            var listed = found
                .Take(take + 1)
                .Select(one => new DocumentAnswer(one.Key, JsonSerializer.SerializeToElement(one.Document!, json)))
                .ToList();
            return new DocumentsAnswer(view.Name, listed.Count > take, [.. listed.Take(take)]);
        }

        private static IEnumerable<Keyed<TDocument>> One<TDocument>(IView<TDocument> reader, string key)
            where TDocument : class => reader.Get(key) is { } document ? [new(key, document)] : [];
    }
}

internal sealed record DocumentsAnswer(string View, bool More, IReadOnlyList<DocumentAnswer> Documents);

internal sealed record DocumentAnswer(string Key, JsonElement Document);
