<%@ WebHandler Language="C#" Class="Picture" %>
using System.Web;
public class Picture : IHttpHandler {
  public void ProcessRequest(HttpContext c) { c.Response.ContentType = "image/png"; c.Response.WriteFile(c.Server.MapPath("~/pictures/" + int.Parse(c.Request.QueryString["n"]) + ".png")); }
  public bool IsReusable { get { return true; } }
}
