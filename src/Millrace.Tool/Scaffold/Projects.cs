using System.Reflection;

namespace Millrace.Tool.Scaffold;

/// <summary>The two project files: they refer to Millrace's packages, or to a clone of it.</summary>
internal static class Projects
{
    /// <param name="clone">The folder of a clone of Millrace; null for its packages.</param>
    public static string Domain(string? clone) =>
        Project(
            "",
            clone is null
                ? Package("Millrace")
                : Source(clone, "Millrace")
                    + "\n"
                    + Source(clone, "Millrace.Generators", " OutputItemType=\"Analyzer\" ReferenceOutputAssembly=\"false\"")
        );

    public static string Tests(string name, string? clone) =>
        Project(
            """
                <OutputType>Exe</OutputType>
                <IsPackable>false</IsPackable>
                <UseMicrosoftTestingPlatformRunner>true</UseMicrosoftTestingPlatformRunner>
                <TestingPlatformDotnetTestSupport>true</TestingPlatformDotnetTestSupport>

            """,
            $"""
                <ProjectReference Include="../{name}/{name}.csproj" />
            {(clone is null ? Package("Millrace.Testing") : Source(clone, "Millrace.Testing"))}
                <PackageReference Include="xunit.v3" Version="4.0.2" />
            """
        );

    static string Project(string properties, string references) =>
        $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <ManagePackageVersionsCentrally>false</ManagePackageVersionsCentrally>
            {properties}  </PropertyGroup>
              <ItemGroup>
            {references}
              </ItemGroup>
            </Project>

            """;

    static string Package(string id)
    {
        var version = typeof(Projects)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];
        return $"""    <PackageReference Include="{id}" Version="{version}" />""";
    }

    static string Source(string clone, string project, string more = "") =>
        $"""    <ProjectReference Include="{Path.Combine(clone, "src", project, $"{project}.csproj")}"{more} />""";
}
