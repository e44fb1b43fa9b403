using Microsoft.AspNetCore.DataProtection;
using MySqlConnector;
using Scalar.AspNetCore;

namespace HelpDesk;

/// <summary>The web application: pages at /, the API at /api, its description at /openapi/v1.json and /scalar.</summary>
public static class HelpDeskApp
{
    public static async Task<WebApplication> BuildAsync(string[] args, CancellationToken stop = default)
    {
        var builder = WebApplication.CreateBuilder(
            new WebApplicationOptions
            {
                Args = args,
                ApplicationName = typeof(HelpDeskApp).Assembly.GetName().Name,
                ContentRootPath = AppContext.BaseDirectory,
            }
        );
        if (string.IsNullOrEmpty(builder.Configuration["urls"]))
            builder.WebHost.UseUrls("http://127.0.0.1:5080");
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning).AddFilter("Microsoft.Hosting", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error);
        builder.Services.AddSingleton(Database.Open(builder.Configuration.GetConnectionString("helpdesk")));
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<TicketStore>();
        builder.Services.AddSingleton<PeopleStore>();
        builder.Services.AddOpenApi();
        builder.Services.AddProblemDetails();
        builder.Services.AddRazorPages();
        // Form tokens need no life beyond the process, and no key files in anybody's home.
        builder.Services.AddDataProtection().UseEphemeralDataProtectionProvider();

        var app = builder.Build();
        var source = app.Services.GetRequiredService<MySqlDataSource>();
        await Database.EnsureSchemaAsync(source, stop);
        await Database.EnsurePeopleAsync(source, stop);
        app.Use(Api.AnswerProblemAsync);
        app.MapApi();
        app.MapOpenApi();
        app.MapScalarApiReference(options => options.WithTitle("Help desk API").DisableDefaultFonts());
        app.MapRazorPages();
        app.MapGet("/desk.css", () => TypedResults.Stream(typeof(HelpDeskApp).Assembly.GetManifestResourceStream("desk.css")!, "text/css"))
            .ExcludeFromDescription();
        return app;
    }
}
